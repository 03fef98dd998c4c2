//! Places of logs: those of peers' that have been followed, and those of this store's.

use super::{Core, EventStore, first};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::Cursor;
use crate::store::encoding::{SpaceNumber, SpaceRow};
use crate::store::rows::{Read, Row, Table};
use crate::store::{StoreError, view};

impl EventStore {
    /// True if a cursor is a place of a space's log.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn check(&self, space: &SpaceId, cursor: Cursor) -> Result<bool, StoreError> {
        self.is_given(space, cursor, false).await
    }

    /// True if a peer's cursor is a place of a space's log, which it is given in part or whole.
    pub(crate) async fn is_given(
        &self,
        space: &SpaceId,
        cursor: Cursor,
        in_part: bool,
    ) -> Result<bool, StoreError> {
        self.check_open("check a cursor")?;
        if cursor == Cursor::START {
            return Ok(true);
        }
        if let Some(place) = self.core.recalls(space, cursor.position) {
            return Ok(place.is_given(cursor, in_part));
        }
        let read = |number| vec![view::block_before_read(number, cursor.position)];
        let check = |row: &SpaceRow, rows: &[Vec<Row>]| {
            if cursor.position.0 > row.ends || first(rows).is_empty() {
                return Ok(row.end().is_given(cursor, in_part));
            }
            Ok(view::block(first(rows))?.cursor().is_given(cursor, in_part))
        };
        self.read("check a cursor", space, read, check).await
    }

    /// The place up to which the log of a peer has been followed. `None` when it never was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cursor(
        &self,
        space: &SpaceId,
        peer: &ReplicaId,
    ) -> Result<Option<Cursor>, StoreError> {
        self.check_open("read a cursor")?;
        let cursors = self.core.ledger.queue.cursors();
        if let Some(cursor) = cursors.get(space, peer) {
            return Ok(Some(cursor));
        }
        let read = |number: SpaceNumber| vec![Read::get(Table::Cursors, &number.cursor(peer))];
        let cursor = |_: &SpaceRow, rows: &[Vec<Row>]| view::cursor(first(rows));
        let found = self.read("read a cursor", space, read, cursor).await?;
        if let (Some(cursor), false) = (found, self.core.ledger.rows().is_shared()) {
            cursors.read(space, peer, cursor);
        }
        Ok(found)
    }
}

impl Core {
    /// The end of the block that a position is in; `None` when only the rows tell.
    fn recalls(&self, space: &SpaceId, position: Position) -> Option<Cursor> {
        let end = self.end(space)?;
        if end.position == position {
            return Some(end);
        }
        self.ledger.queue.tails().block_end(space, position)
    }
}
