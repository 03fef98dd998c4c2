//! Tombstones: they stand behind the refusals of their commits, or are not taken.

use super::{Question, Staging};
use crate::block::Block;
use crate::log::Refusal;

impl Staging<'_> {
    /// Checks that a hub has refused each fresh commit of which a tombstone has come.
    pub(super) fn check_tombstones(
        &mut self,
        block: &Block,
        fresh: &[bool],
    ) -> Result<(), Refusal> {
        let Some(rulings) = &mut self.rulings else { return Ok(()) };
        rulings.note(block);
        // What was read out of this store's own file was checked when it came.
        if !block.has_tombstones() || self.is_local {
            return Ok(());
        }
        for (commit, _) in block.commits().iter().zip(fresh).filter(|(_, fresh)| **fresh) {
            if !block.is_tombstone(commit) || rulings.refuses(&commit.id) {
                continue;
            }
            match self.answers.refuses.get(&commit.id) {
                Some(true) => {}
                Some(false) => return Err(Refusal::Unrefused { commit: commit.id }),
                None => {
                    self.questions.insert(Question::Refuses(commit.id));
                }
            }
        }
        Ok(())
    }
}
