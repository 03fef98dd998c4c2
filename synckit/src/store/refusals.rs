//! Refusals in a log, read when a tombstone comes.

use super::encoding::SpaceNumber;
use super::locate::answer_of;
use super::rows::Rows;
use super::{StoreError, view};
use crate::chain::CommitId;
use crate::id::Position;
use crate::ruling::Rulings;

/// Refusals of hubs in a log, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    rulings: Rulings,
    /// Refusals in the log before this place are known.
    through: Position,
}

impl Refusals {
    /// True if a commit is among them. Reads on in the log if it is not among those that are known.
    pub(super) async fn hold(
        &mut self,
        rows: &dyn Rows,
        number: SpaceNumber,
        commit: &CommitId,
    ) -> Result<bool, StoreError> {
        while !self.rulings.refuses(commit) {
            let found = rows.read(vec![view::control_read(number, self.through)]).await?;
            let starts = view::control(answer_of(&found))?;
            let reads = starts.iter().map(|start| view::block_read(number, *start)).collect();
            let before = self.through;
            for rows in rows.read(reads).await? {
                let log = view::block(&rows)?;
                self.rulings.note(&log.block);
                self.through = self.through.max(log.end());
            }
            if self.through == before {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
