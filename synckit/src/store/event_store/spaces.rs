//! The spaces of a store.

use super::EventStore;
use crate::id::{Position, SpaceId};
use crate::log::Cursor;
use crate::store::encoding::SpaceRow;
use crate::store::rows::{KeyRange, Read, Row, Table};
use crate::store::{CheckpointMark, LIST_ROWS_MAX, StoreError, view};

/// A space as its store has it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StoredSpace {
    /// The space.
    pub id: SpaceId,
    /// Begin of its log: what stood before was pruned.
    pub begins: Position,
    /// End of its log, with the digest there.
    pub end: Cursor,
    /// Bytes of the blocks in its log. Its rows, states and indices take more on the disk.
    pub bytes: u64,
    /// The number of branches: one for each author, and one more for each branch of a fork.
    pub branches: u32,
    /// The mark of the states that are held; `None` where none were ever written, as at hubs.
    pub states: Option<CheckpointMark>,
}

impl EventStore {
    /// The spaces that the store has a log of, ascending by name, after one: at most `limit` and never
    /// more than [`LIST_ROWS_MAX`].
    ///
    /// # Errors
    /// When the store cannot be read, or a space's row is damaged.
    pub async fn spaces(
        &self,
        after: Option<&SpaceId>,
        limit: usize,
    ) -> Result<Vec<StoredSpace>, StoreError> {
        let attempted = "list spaces";
        self.check_open(attempted)?;
        let from = after.map_or(Vec::new(), |after| [after.as_str().as_bytes(), &[0]].concat());
        let range = KeyRange { from, to: Vec::new() };
        let rows_max = limit.min(LIST_ROWS_MAX);
        let read = Read { rows_max, ..Read::range(Table::Spaces, range) };
        let found = self.core.ledger.rows().read(vec![read]).await;
        let found = found.map_err(|error| error.attempting(attempted))?;
        let spaces = view::spaces(super::first(&found)).map_err(StoreError::from);
        let spaces = spaces.map_err(|error| error.attempting(attempted))?;
        Ok(spaces.into_iter().map(|(id, row)| StoredSpace::of(id, &row)).collect())
    }

    /// A space; `None` when there is no log of it.
    ///
    /// # Errors
    /// When the store cannot be read, or the space's row is damaged.
    pub async fn space(&self, id: &SpaceId) -> Result<Option<StoredSpace>, StoreError> {
        let stored = |row: &SpaceRow, _: &[Vec<Row>]| Ok(Some(StoredSpace::of(id.clone(), row)));
        self.read("read a space", id, |_| Vec::new(), stored).await
    }
}

impl StoredSpace {
    fn of(id: SpaceId, row: &SpaceRow) -> Self {
        Self {
            id,
            begins: Position(row.begins),
            end: row.end(),
            bytes: row.bytes,
            branches: row.branches,
            states: row.mark.clone(),
        }
    }
}
