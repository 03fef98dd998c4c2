//! Work of others that a part lacks: hidden by its filter, or on its way.

use super::Staging;
use crate::block::{Block, Entry};
use crate::chain::CommitId;
use crate::id::Dot;

impl Staging<'_> {
    /// The first fresh commit of a block whose author had seen events of a named aggregate, on the line of an anchor
    /// that is not held, which are not held either.
    pub(super) fn rests_on(&self, block: &Block, fresh: &[bool], anchor: &CommitId) -> Option<Dot> {
        let filter = self.batch.awaits?;
        let held = self.of(&anchor.author).map(|(_, branch)| branch.head.seq).max().unwrap_or(0);
        let lacks = |entry: Entry<'_>| {
            let mut rows = entry.context_rows().iter();
            rows.any(|(row, seq)| *seq > held && block.anchors()[*row] == *anchor)
                && filter.names_whole(entry.aggregate())
        };
        let mut commits = block.commits().iter().zip(fresh).filter(|(_, fresh)| **fresh);
        let rests = commits
            .find(|(commit, _)| commit.entries.clone().filter_map(|at| block.entry(at)).any(lacks));
        rests.map(|(commit, _)| commit.id.dot())
    }
}
