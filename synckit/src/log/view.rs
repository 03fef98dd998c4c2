//! The part of a log that a peer is sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chain, CommitId, LogBlock, LogRun, ReplicaId, repack};
use crate::block::{Block, Commit};
use crate::filter::Filter;

/// Says which commits of a log a peer is sent.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct View {
    /// The aggregates that the peer holds; all when there is none.
    pub(crate) filter: Option<Filter>,
    /// The peer, which is sent all that was written under its key.
    pub(crate) reader: Option<ReplicaId>,
    /// The keys of which commits are sent; all when there are none. A store that does not hold all of a
    /// space sends only what was written in it: it can vouch for nothing else.
    pub(crate) writers: Option<BTreeSet<ReplicaId>>,
}

impl View {
    /// True if the peer is sent everything.
    pub(crate) const fn is_whole(&self) -> bool {
        self.filter.is_none() && self.writers.is_none()
    }

    /// The part of a block that the peer is sent, at the end of the block's place; none when all of it
    /// is hidden. A part that is too large for a block of its own is sent with the rest.
    pub(crate) fn of(&self, log: &LogBlock) -> Option<LogBlock> {
        let block = &log.block;
        let (aggregates, filter) = (block.aggregates(), self.filter.as_ref());
        let all_named =
            filter.is_none_or(|filter| aggregates.iter().all(|id| filter.names_whole(id)));
        let none_named = filter.is_some_and(|filter| !aggregates.iter().any(|id| filter.names(id)));
        let by_reader = block.runs().iter().any(|run| Some(run.replica) == self.reader);
        if none_named && !by_reader {
            return None;
        }
        if all_named && self.writers.is_none() {
            return Some(log.clone());
        }
        let shows = |commit: &Commit| self.shows(block, commit);
        let shown: Vec<_> = block.commits().iter().map(shows).collect();
        if !shown.contains(&false) {
            return Some(log.clone());
        }
        match repack(block, &shown) {
            Ok(part) => part.map(|part| placed(log, &shown, part)),
            Err(_) => Some(log.clone()),
        }
    }

    /// The commits of a block that the peer is sent, in order, with the runs that they belong to.
    pub(crate) fn commits(&self, log: &LogBlock) -> Vec<(LogRun, CommitId)> {
        let shown = self.of(log);
        let commits = shown.iter().flat_map(|log| {
            log.block.commits().iter().map(|commit| (log.runs[commit.run], commit.id))
        });
        commits.collect()
    }

    fn shows(&self, block: &Block, commit: &Commit) -> bool {
        let author = &commit.id.author;
        let writes = self.writers.as_ref().is_none_or(|writers| writers.contains(author));
        let mut entries = commit.entries.clone().filter_map(|index| block.entry(index));
        let is_named = self.filter.as_ref().is_none_or(|filter| {
            Some(*author) == self.reader || entries.any(|entry| filter.shows(&entry))
        });
        writes && is_named
    }
}

/// A part of a block in its place.
fn placed(log: &LogBlock, shown: &[bool], part: Block) -> LogBlock {
    let block = &log.block;
    let (mut before, mut origins) = (Vec::new(), BTreeMap::new());
    before.extend(block.runs().iter().map(|run| run.before()));
    for (commit, shown) in block.commits().iter().zip(shown) {
        let follows = std::mem::replace(&mut before[commit.run], commit.id);
        if *shown {
            origins.insert(follows, commit.run);
        }
    }
    let nowhere = |end: Chain| LogRun { branch: super::BranchNo(0), end, begins: None };
    let runs = part.runs().iter().zip(part.ends()).map(|(run, end)| {
        let origin = origins.get(&run.before()).and_then(|run| log.runs.get(*run));
        origin.map_or_else(|| nowhere(end.chain), |origin| LogRun { end: end.chain, ..*origin })
    });
    let place = |anchor: &CommitId| block.anchors().iter().position(|id| id == anchor);
    let anchors = part.anchors().iter().filter_map(place).map(|index| log.anchors[index]);
    let start = super::Position(log.end().0 - part.len() as u64);
    LogBlock {
        start,
        runs: runs.collect(),
        anchors: anchors.collect(),
        digest: log.digest,
        block: part,
    }
}
