//! Work of others that a part lacks: hidden by its filter, or on its way.

use super::{Lookup, Staging};
use crate::block::{Block, Entry};
use crate::chain::CommitId;
use crate::id::{AggregateId, Dot};
use crate::log::Witness;

impl Staging<'_> {
    /// The first fresh commit of a block whose author had seen events of a named aggregate on the line of an anchor
    /// that is not held, which may be named and are not held either; and a commit that is missing.
    ///
    /// A peer that holds a part tells of each anchor the last commit up to there that it has seen and the filter names.
    /// Nothing is taken for hidden that lies behind what is held of the author where the peer's own filter hides some
    /// of that, nor where it tells nothing.
    pub(super) fn lacks(
        &mut self,
        block: &Block,
        fresh: &[bool],
        anchor: &CommitId,
    ) -> Option<(Dot, CommitId)> {
        let filter = self.batch.awaits?;
        if self.is_local {
            // It had seen nothing but what the filter showed then, which may have been wider.
            let held = self.last_of(anchor);
            let after = self.rests_on(block, fresh, anchor, held, |id| filter.names_whole(id))?;
            return Some((after, *anchor));
        }
        let shown = self.bridges.get(anchor).map(|bridge| bridge.shown());
        let (held, missing) = match shown.map(|shown| (self.lookup(&shown), shown)) {
            Some((Lookup::Asked, _)) => return None,
            Some((Lookup::Absent, shown)) if shown.seq > 0 => (0, shown),
            Some(_) if self.is_told_all(anchor) => return None,
            Some((Lookup::Held(no), _)) => {
                (self.branch(no).map_or(0, |branch| branch.head.seq), *anchor)
            }
            Some((Lookup::Absent, _)) if self.of(&anchor.author).nth(1).is_none() => {
                (self.last_of(anchor), *anchor)
            }
            // Where its author has forked, the anchor may be on either line.
            Some((Lookup::Absent, _)) | None => (0, *anchor),
        };
        let after = self.rests_on(block, fresh, anchor, held, |id| filter.names(id))?;
        Some((after, missing))
    }

    /// True if whoever told of an anchor knows all that the filter names up to there.
    pub(super) fn is_told_all(&self, anchor: &CommitId) -> bool {
        let knows = self.batch.hidden.is_some_and(|hidden| hidden.witness != Witness::OtherPart);
        knows && self.bridges.contains_key(anchor)
    }

    /// The number of the last event that is held of an anchor's author.
    fn last_of(&self, anchor: &CommitId) -> u64 {
        self.of(&anchor.author).map(|(_, branch)| branch.head.seq).max().unwrap_or(0)
    }

    /// The first fresh commit of a block with an event about one of some aggregates whose author had seen events of
    /// that behind number `held` on the line of an anchor.
    fn rests_on(
        &self,
        block: &Block,
        fresh: &[bool],
        anchor: &CommitId,
        held: u64,
        is_about: impl Fn(&AggregateId) -> bool,
    ) -> Option<Dot> {
        let rests = |entry: Entry<'_>| {
            let mut rows = entry.context_rows().iter();
            rows.any(|(row, seq)| *seq > held && block.anchors()[*row] == *anchor)
                && is_about(entry.aggregate())
        };
        let mut commits = block.commits().iter().zip(fresh).filter(|(_, fresh)| **fresh);
        let rests = commits
            .find(|(commit, _)| commit.entries.clone().filter_map(|at| block.entry(at)).any(rests));
        rests.map(|(commit, _)| commit.id.dot())
    }
}
