//! The part of a log that a peer is sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{BranchNo, Chain, CommitId, LogBlock, LogRun, Position, ReplicaId, repack};
use crate::block::{Block, Commit, Run};
use crate::filter::Filter;

/// Says which commits of a log a peer is sent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct View {
    /// The part of the space that the peer holds; all of it when there is none.
    pub(crate) filter: Option<Filter>,
    /// The peer, which is sent all that was written under its key.
    pub(crate) reader: Option<ReplicaId>,
    /// The keys of which commits are sent; all when there are none. A store that does not hold all of a
    /// space sends only what was written in it: it can vouch for nothing else. What it wrote, forgot and
    /// fetched from a hub may have lost its signatures; that is not sent either.
    pub(crate) writers: Option<BTreeSet<ReplicaId>>,
}

impl View {
    /// True if the peer is sent everything.
    pub(crate) const fn is_whole(&self) -> bool {
        self.filter.is_none() && self.writers.is_none()
    }

    /// The part of a block that the peer is sent, at the end of the block's place; none when all of it
    /// is hidden. Each run that is cut takes more room, so it may be more than one block.
    pub(crate) fn of(&self, log: &LogBlock) -> Vec<LogBlock> {
        let block = &log.block;
        let (aggregates, filter) = (block.aggregates(), self.filter.as_ref());
        let all_named =
            filter.is_none_or(|filter| aggregates.iter().all(|id| filter.names_whole(id)));
        let none_named = filter.is_some_and(|filter| !aggregates.iter().any(|id| filter.names(id)));
        let by_reader = block.runs().iter().any(|run| Some(run.replica) == self.reader);
        if none_named && !by_reader {
            return Vec::new();
        }
        if all_named && self.writers.is_none() {
            return vec![log.clone()];
        }
        let shows = |commit: &Commit| self.shows(block, commit);
        let shown: Vec<_> = block.commits().iter().map(shows).collect();
        if !shown.contains(&false) {
            return vec![log.clone()];
        }
        let mut parts = Vec::new();
        split(log, &shown, &mut parts);
        let mut end = log.end().0;
        for part in parts.iter_mut().rev() {
            end -= part.block.len() as u64;
            part.start = Position(end);
        }
        parts
    }

    /// The commits of a block that the peer is sent, in order, with the runs that they belong to.
    pub(crate) fn commits(&self, log: &LogBlock) -> Vec<(LogRun, CommitId)> {
        let parts = self.of(log);
        let commits = parts.iter().flat_map(|log| {
            log.block.commits().iter().map(|commit| (log.runs[commit.run], commit.id))
        });
        commits.collect()
    }

    fn shows(&self, block: &Block, commit: &Commit) -> bool {
        let author = &commit.id.author;
        let is_signed = block.runs()[commit.run].signature != Run::UNSIGNED;
        let mut writers = self.writers.iter();
        let writes = writers.all(|writers| is_signed && writers.contains(author));
        let mut entries = commit.entries.clone().filter_map(|index| block.entry(index));
        let is_named = self.filter.as_ref().is_none_or(|filter| {
            Some(*author) == self.reader || entries.any(|entry| filter.shows(&entry))
        });
        writes && is_named
    }
}

/// Packs the commits that are shown, into more blocks where one does not take them.
fn split(log: &LogBlock, shown: &[bool], parts: &mut Vec<LogBlock>) {
    match repack(&log.block, shown) {
        Ok(part) => parts.extend(part.map(|part| placed(log, shown, part))),
        Err(_) => {
            let places: Vec<_> = (0..shown.len()).filter(|index| shown[*index]).collect();
            let (first, second) = places.split_at(places.len() / 2);
            if first.is_empty() {
                // Packed tighter than any author may: the block has nothing but what that author put
                // there.
                return parts.push(log.clone());
            }
            for half in [first, second] {
                let mut kept = vec![false; shown.len()];
                half.iter().for_each(|index| kept[*index] = true);
                split(log, &kept, parts);
            }
        }
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
    let nowhere = |end: Chain| LogRun { branch: BranchNo(0), end, begins: None };
    let runs = part.runs().iter().zip(part.ends()).map(|(run, end)| {
        let origin = origins.get(&run.before()).and_then(|run| log.runs.get(*run));
        origin.map_or_else(|| nowhere(end.chain), |origin| LogRun { end: end.chain, ..*origin })
    });
    let place = |anchor: &CommitId| block.anchors().iter().position(|id| id == anchor);
    let anchors = part.anchors().iter().filter_map(place).map(|index| log.anchors[index]);
    LogBlock {
        start: log.start,
        runs: runs.collect(),
        anchors: anchors.collect(),
        digest: log.digest,
        block: part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::tests::{Author, note, seal, space};
    use crate::filter::FilterPart;
    use crate::id::{Key, Name};

    #[test]
    fn what_is_cut_too_often_for_one_block_travels_in_more_and_nothing_hidden_with_it() {
        let mut ann = Author::named("ann");
        let (hidden, text) = (Key::new(b"hidden").unwrap(), [b'x'; 95]);
        let mut write = |number: u64| {
            let mut event = note(ann.head.author, 1, &text);
            if number.is_multiple_of(2) {
                event.aggregate.key = hidden.clone();
            }
            ann.commit(vec![event])
        };
        let commits: Vec<_> = (0..4_000).map(&mut write).collect();
        let block = seal(&commits.iter().collect::<Vec<_>>());
        let digest = super::super::Digest::START.then(&block);
        let end = block.ends()[0].chain;
        let runs = vec![LogRun { branch: BranchNo(0), end, begins: None }];
        let log = LogBlock { start: Position(7), block, runs, anchors: Vec::new(), digest };
        let key = log.block.aggregates().iter().find(|id| id.key != hidden).unwrap().key.clone();
        let part = FilterPart::new().kind(Name::new("note").unwrap()).keyed(key.as_bytes());
        let view = View { filter: Some(Filter::new().part(part)), ..View::default() };
        let parts = view.of(&log);
        assert!(parts.len() > 1, "{} blocks", parts.len());
        assert_eq!(parts.last().unwrap().cursor(), log.cursor());
        assert!(parts.windows(2).all(|pair| pair[0].end() == pair[1].start));
        let shown: Vec<_> = parts.iter().flat_map(|part| part.block.entries()).collect();
        assert_eq!(shown.len(), 2_000);
        assert!(shown.iter().all(|entry| entry.aggregate().key != hidden));
        assert_eq!(log.block.space(), &space());
    }
}
