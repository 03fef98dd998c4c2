//! Bridges: where the commits that a filter hides leave those that a peer is sent.
//!
//! A peer that holds a part of a space finds the place of a commit that follows hidden ones by itself
//! while the author has written on one line: behind the last one that it holds. Of an author that has
//! forked it must be told which commit that is.

use std::collections::BTreeMap;

use super::limits::FRAME_BRIDGES_MAX;
use crate::branch::BranchNo;
use crate::chain::{Chain, CommitId};
use crate::log::{Bridge, LogBlock, LogRun};

/// Most places of anchors that are remembered.
const ANCHORS_MAX: usize = 4_096;

/// Knowledge of where commits of a branch hang, as far as a peer can see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LineEnd {
    /// The author has written on one line.
    Single,
    /// The last commit that the peer is sent: the number of its last event, and the chain there; number
    /// 0 when there is none.
    After(u64, Chain),
    /// Not known any more: what was sent has been pruned.
    Unknown,
}

/// Lines of authors, as far as a session has asked or seen.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    /// Of each branch, up to what has been sent.
    lines: BTreeMap<BranchNo, LineEnd>,
    /// Of commits that contexts refer to.
    anchors: BTreeMap<(BranchNo, u64), LineEnd>,
}

impl Bridges {
    /// Notes a block of the log, of which the peer holds `held`.
    pub(super) fn pass(&mut self, log: &LogBlock, held: &[LogBlock]) {
        for place in &log.runs {
            if let Some((parent, ..)) = place.begins.and_then(|begin| begin.leaves)
                && self.lines.get(&parent) == Some(&LineEnd::Single)
            {
                self.lines.remove(&parent);
            }
        }
        for (place, end) in ends(held) {
            if let Some(line @ LineEnd::After(..)) = self.lines.get_mut(&place.branch) {
                *line = LineEnd::After(end.seq, end.chain);
            }
        }
    }

    /// The places that have to be looked up before a block is sent.
    pub(super) fn unknown(&self, shown: &[LogBlock]) -> Vec<(BranchNo, u64)> {
        let lines = runs(shown).filter(|(no, _)| !self.lines.contains_key(no));
        let anchors = anchors(shown).filter(|(no, id)| self.before(shown, *no, id.seq).is_none());
        let mut unknown: Vec<_> = lines.chain(anchors).map(|(no, id)| (no, id.seq)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// Takes the answers to what was asked before a block is sent.
    pub(super) fn learn(
        &mut self,
        shown: &[LogBlock],
        asked: &[(BranchNo, u64)],
        found: &[LineEnd],
    ) {
        if self.anchors.len() > ANCHORS_MAX {
            self.anchors.clear();
        }
        let lines: Vec<_> = runs(shown).map(|(no, before)| (no, before.seq)).collect();
        for (of, lineage) in asked.iter().zip(found) {
            if lines.contains(of) || *lineage == LineEnd::Single {
                self.lines.entry(of.0).or_insert(*lineage);
            } else {
                self.anchors.insert(*of, *lineage);
            }
        }
    }

    /// The bridges that a block needs.
    pub(super) fn of(&self, shown: &[LogBlock]) -> Vec<Bridge> {
        let bridge = |(no, hidden): (BranchNo, CommitId)| match self.before(shown, no, hidden.seq) {
            Some(LineEnd::After(seq, chain)) if seq < hidden.seq => {
                Some(Bridge { hidden, after: (seq, chain) })
            }
            _ => None,
        };
        runs(shown).chain(anchors(shown)).filter_map(bridge).take(FRAME_BRIDGES_MAX).collect()
    }

    /// The last commit of a branch up to a number that the peer holds once it has been sent the block up
    /// to there. `None` when that has to be looked up.
    fn before(&self, shown: &[LogBlock], no: BranchNo, seq: u64) -> Option<LineEnd> {
        let line = match self.lines.get(&no) {
            Some(LineEnd::After(last, chain)) => {
                let of_block = ends(shown).filter(|(place, _)| place.branch == no);
                let ends = of_block.map(|(_, end)| (end.seq, end.chain)).chain([(*last, *chain)]);
                let last = ends.filter(|(last, _)| *last <= seq).max_by_key(|(last, _)| *last);
                last.map(|(last, chain)| LineEnd::After(last, chain))
            }
            line => line.copied(),
        };
        line.or_else(|| self.anchors.get(&(no, seq)).copied())
    }
}

/// The branch of each run, and the commit that the run follows.
fn runs(shown: &[LogBlock]) -> impl Iterator<Item = (BranchNo, CommitId)> {
    let runs = shown.iter().flat_map(|log| log.block.runs().iter().zip(&log.runs));
    runs.map(|(run, place)| (place.branch, run.before())).filter(|(_, before)| before.seq > 0)
}

/// The branch of each commit that contexts refer to, and the commit.
fn anchors(shown: &[LogBlock]) -> impl Iterator<Item = (BranchNo, CommitId)> {
    let anchors = |log: &LogBlock| {
        let of_log = log.anchors.iter().copied().zip(log.block.anchors().iter().copied());
        of_log.collect::<Vec<_>>()
    };
    shown.iter().flat_map(anchors)
}

/// The last commit of each run, with the run's place.
fn ends(shown: &[LogBlock]) -> impl Iterator<Item = (LogRun, CommitId)> {
    shown.iter().flat_map(|log| log.runs.iter().copied().zip(log.ends()))
}
