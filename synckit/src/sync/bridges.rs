//! Bridges: where the commits that a filter hides leave those that a peer is sent.
//!
//! A peer that holds a part of a space finds the place of a commit that follows hidden ones by itself
//! while the author has written on one line: behind the last one that it holds. Of an author that has
//! forked it must be told which commit that is, and where on the way to it the chain has forked: past a
//! fork, events have another identity in merging.

use std::collections::BTreeMap;

use super::limits::{FRAME_BRIDGES_MAX, FRAME_FORKS_MAX};
use crate::branch::BranchNo;
use crate::chain::{Chain, CommitId};
use crate::id::{Position, ReplicaId};
use crate::log::{Bridge, ForkMark, Hidden, LogBlock, LogRun};

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

/// A line of an author's commits, as a store holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a session needs all of it")]
pub struct TracedLine {
    /// The last commit up to the number asked for that the peer is sent.
    pub end: LineEnd,
    /// The forks on the way to the end of the branch, ascending: of each the number of the last event that
    /// its branches share, and the chain after the commit that follows on that way.
    pub forks: Vec<(u64, Chain)>,
}

/// Questions of a session to its store before it sends a block.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a driver must answer all of it")]
pub struct TraceLines {
    /// Branches, and numbers of events on them or before them: the answer to each is a [`TracedLine`].
    pub ends: Vec<(BranchNo, u64)>,
    /// Branches past forks, with the numbers of the last events shared: the answer to each is a commit
    /// behind the fork that the peer is sent, if there is one.
    pub forks: Vec<(BranchNo, u64)>,
}

impl TraceLines {
    /// True if nothing is asked.
    pub(super) const fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.forks.is_empty()
    }
}

/// The answers to [`TraceLines`], in their order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a session needs all of it")]
pub struct Traced {
    /// The places where the branches hang.
    pub ends: Vec<TracedLine>,
    /// Commits behind the forks.
    pub forks: Vec<Option<CommitId>>,
}

/// Lines of authors, as far as a session has asked or seen.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    /// Of each branch, up to what has been sent.
    lines: BTreeMap<(ReplicaId, BranchNo), KnownLine>,
    /// Of commits that contexts refer to.
    anchors: BTreeMap<(BranchNo, u64), LineEnd>,
    /// The place in the log up to which forks have been noticed.
    noticed: Position,
    /// Forks noticed of which it has to be asked what the peer holds behind them.
    unasked: Vec<NoticedFork>,
    /// Forks to be told on the chains of commits that the peer holds.
    due: Vec<ForkMark>,
}

/// A branch.
#[derive(Debug)]
struct KnownLine {
    end: LineEnd,
    /// The forks on the way to its end; none when that has to be asked.
    forks: Option<Vec<(u64, Chain)>>,
    /// The number of these that the peer has been told.
    told: usize,
}

/// A branch past a fork.
#[derive(Clone, Copy, Debug)]
struct NoticedFork {
    no: BranchNo,
    after: u64,
    next: Chain,
}

impl Bridges {
    /// Notes the forks that begin with a block of the log. What was known of their authors' lines has to
    /// be asked again.
    pub(super) fn notice(&mut self, log: &LogBlock) {
        if log.end() <= self.noticed {
            return;
        }
        self.noticed = log.end();
        for (run, place) in log.block.runs().iter().zip(&log.runs) {
            let Some(begin) = place.begins else { continue };
            let Some((parent, after, next)) = begin.leaves else { continue };
            let first = begin.first;
            self.unasked.push(NoticedFork { no: parent, after, next });
            self.unasked.push(NoticedFork { no: place.branch, after, next: first });
            let of_author = (run.replica, BranchNo(0))..=(run.replica, BranchNo(u32::MAX));
            self.lines.range_mut(of_author).for_each(|(_, line)| line.forks = None);
            // The only line of its author is none any more.
            let only = |line: &KnownLine| line.end == LineEnd::Single;
            if self.lines.get(&(run.replica, parent)).is_some_and(only) {
                self.lines.remove(&(run.replica, parent));
            }
        }
    }

    /// Notes a block that the peer holds from here on, as far as it is sent it.
    pub(super) fn pass(&mut self, held: &[LogBlock]) {
        for (place, end) in ends(held) {
            if let Some(KnownLine { end: known @ LineEnd::After(..), .. }) =
                self.lines.get_mut(&(end.author, place.branch))
            {
                *known = LineEnd::After(end.seq, end.chain);
            }
        }
    }

    /// Questions to be asked before a block is sent, of which the peer is sent `shown`.
    pub(super) fn unknown(&self, shown: &[LogBlock]) -> TraceLines {
        let known = |author: ReplicaId, no: BranchNo| {
            self.lines.get(&(author, no)).is_some_and(|line| line.forks.is_some())
        };
        let lines = runs(shown).filter(|(no, before)| !known(before.author, *no));
        let anchors = anchors(shown).filter(|(no, id)| self.before(shown, *no, *id).is_none());
        let mut ends: Vec<_> = lines.chain(anchors).map(|(no, id)| (no, id.seq)).collect();
        ends.sort_unstable();
        ends.dedup();
        TraceLines { ends, forks: self.unasked.iter().map(|fork| (fork.no, fork.after)).collect() }
    }

    /// Takes the answers to what was asked before a block is sent.
    pub(super) fn learn(&mut self, shown: &[LogBlock], asked: &TraceLines, found: Traced) {
        if self.anchors.len() > ANCHORS_MAX {
            self.anchors.clear();
        }
        let authors: BTreeMap<_, _> = runs(shown)
            .chain(anchors(shown))
            .map(|(no, commit)| ((no, commit.seq), commit.author))
            .collect();
        let lines: Vec<_> = runs(shown).map(|(no, before)| (no, before.seq)).collect();
        for (of, TracedLine { end, forks }) in asked.ends.iter().zip(found.ends) {
            let Some(author) = authors.get(of) else { continue };
            if lines.contains(of) || end == LineEnd::Single {
                let line = self.lines.entry((*author, of.0)).or_insert(KnownLine {
                    end,
                    forks: None,
                    told: 0,
                });
                (line.forks, line.told) = (Some(forks), 0);
            } else {
                self.anchors.insert(*of, end);
            }
        }
        let asked = self.unasked.drain(..asked.forks.len().min(self.unasked.len()));
        let marks = asked.zip(found.forks).filter_map(|(NoticedFork { after, next, .. }, on)| {
            Some(ForkMark { on: on?, after, next })
        });
        self.due.extend(marks);
    }

    /// Everything that the peer has to be told with a block.
    pub(super) fn of(&self, shown: &[LogBlock]) -> Hidden {
        let bridge = |(no, hidden): (BranchNo, CommitId)| match self.before(shown, no, hidden) {
            Some(LineEnd::After(seq, chain)) if seq < hidden.seq => {
                Some(Bridge { hidden, after: (seq, chain) })
            }
            _ => None,
        };
        let hidden = runs(shown).chain(anchors(shown)).filter(|(_, hidden)| hidden.seq > 0);
        let bridges = hidden.filter_map(bridge).take(FRAME_BRIDGES_MAX).collect();
        let mut told = BTreeMap::new();
        let mut forks = Vec::new();
        for (place, on) in ends(shown) {
            let Some(line) = self.lines.get(&(on.author, place.branch)) else { continue };
            let told = told.entry(place.branch).or_insert(line.told);
            let due = line.forks.iter().flatten().skip(*told);
            let behind: Vec<_> = due.take_while(|(after, _)| *after < on.seq).collect();
            *told += behind.len();
            forks.extend(behind.into_iter().map(|(after, next)| ForkMark {
                on,
                after: *after,
                next: *next,
            }));
        }
        // An author with more forks than that has made them to be a burden: the last ones count.
        forks.drain(..forks.len().saturating_sub(FRAME_FORKS_MAX));
        Hidden { bridges, forks }
    }

    /// Notes that the peer is told what [`Bridges::of`] said of a block.
    pub(super) fn told(&mut self, shown: &[LogBlock]) {
        for (place, on) in ends(shown) {
            let Some(line) = self.lines.get_mut(&(on.author, place.branch)) else { continue };
            let behind = line.forks.iter().flatten().take_while(|(after, _)| *after < on.seq);
            line.told = line.told.max(behind.count());
        }
    }

    /// True if something is to be told of commits that the peer holds.
    pub(super) const fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes what is to be told of commits that the peer holds, as much as a frame takes beside `others`.
    pub(super) fn take_due(&mut self, others: usize) -> Vec<ForkMark> {
        let room = FRAME_FORKS_MAX.saturating_sub(others);
        self.due.drain(..self.due.len().min(room)).collect()
    }

    /// The last commit of a branch up to another one that the peer holds once it has been sent the block
    /// up to there. `None` when that has to be looked up.
    fn before(&self, shown: &[LogBlock], no: BranchNo, commit: CommitId) -> Option<LineEnd> {
        let line = match self.lines.get(&(commit.author, no)).map(|line| line.end) {
            Some(LineEnd::After(last, chain)) => {
                let of_block = ends(shown).filter(|(place, _)| place.branch == no);
                let ends = of_block.map(|(_, end)| (end.seq, end.chain)).chain([(last, chain)]);
                let last =
                    ends.filter(|(last, _)| *last <= commit.seq).max_by_key(|(last, _)| *last);
                last.map(|(last, chain)| LineEnd::After(last, chain))
            }
            line => line,
        };
        line.or_else(|| self.anchors.get(&(no, commit.seq)).copied())
    }
}

/// The branch of each run, and the commit that the run follows; those left out that begin an author's first
/// branch, which need not be asked for.
fn runs(shown: &[LogBlock]) -> impl Iterator<Item = (BranchNo, CommitId)> {
    let runs = shown.iter().flat_map(|log| log.block.runs().iter().zip(&log.runs));
    let forks = |place: &LogRun| place.begins.is_some_and(|begin| begin.leaves.is_some());
    let asked = runs.filter(move |(run, place)| run.before().seq > 0 || forks(place));
    asked.map(|(run, place)| (place.branch, run.before()))
}

/// The branch of each commit that contexts refer to, and the commit.
fn anchors(shown: &[LogBlock]) -> impl Iterator<Item = (BranchNo, CommitId)> {
    let anchors = |log: &LogBlock| {
        let of_log =
            log.anchors.iter().map(|anchor| anchor.branch).zip(log.block.anchors().iter().copied());
        of_log.collect::<Vec<_>>()
    };
    shown.iter().flat_map(anchors)
}

/// The last commit of each run, with the run's place.
fn ends(shown: &[LogBlock]) -> impl Iterator<Item = (LogRun, CommitId)> {
    shown.iter().flat_map(|log| log.runs.iter().copied().zip(log.ends()))
}
