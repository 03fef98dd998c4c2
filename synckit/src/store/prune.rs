//! Pruning, for tests: a log whose first rows are gone.

use bytes::Bytes;

use super::encoding::{RunRow, SpaceNumber, SpaceRow, read_log, space_key};
use super::event_store::EventStore;
use super::rows::{Change, Guard, KeyRange, Read, Rows, Table, WriteSet};
use super::seal::{Damage, sealed};
use super::{StoreError, view};
use crate::id::{Position, SpaceId};
use crate::log::LogBlock;

/// A value with the seal of its row.
pub(crate) fn sealed_value(table: Table, key: &[u8], content: &[u8]) -> Bytes {
    sealed(table, key, &[content])
}

/// Rows that keep the names of a block's commits, by which they are told from others when they, or
/// what leaves their branches, come later.
fn names_of(number: SpaceNumber, log: &LogBlock) -> impl Iterator<Item = Change> {
    log.block.commits().iter().map(move |commit| {
        let (last_seq, events) = (commit.id.seq, commit.entries.len() as u64);
        let key = number.run(log.runs[commit.run].branch, last_seq + 1 - events);
        let row = RunRow { last_seq, start: RunRow::PRUNED, end: commit.id.chain };
        let value = sealed(Table::Runs, &key, &[&row.write()]);
        Change::Put { table: Table::Runs, key, value }
    })
}

impl EventStore {
    /// The rows below the store, to write to them as another process would.
    pub fn rows(&self) -> &dyn Rows {
        self.ledger().queue.tails().forget_all();
        self.ledger().rows()
    }

    /// Drops the blocks of a log that end at or before a position; returns where the log then
    /// begins. To be called while nothing else writes.
    ///
    /// # Errors
    /// When the space is not known, or the rows cannot be read or written.
    pub async fn prune(&self, space: &SpaceId, before: Position) -> Result<Position, StoreError> {
        let found = self.rows().read(view::space_reads(space).into()).await?;
        let unknown = || Damage::new("there is no such space");
        let mut row: SpaceRow = view::space_row(&found)?.ok_or_else(unknown)?;
        let expected = found.first().and_then(|rows| rows.first()).map(|row| row.value.clone());
        let log = Read::range(Table::Log, row.number.range());
        let mut log_blocks = Vec::new();
        for found in self.rows().read(vec![log]).await?.iter().flatten() {
            let log = read_log(found)?;
            row.begins = if log.start <= before { log.start.0 } else { row.begins };
            log_blocks.push(log);
        }
        if before.0 >= row.ends {
            row.begins = row.ends;
        }
        let (number, key) = (row.number, space_key(space).to_vec());
        let range = KeyRange { from: number.log(0), to: number.log(row.begins) };
        let begins = row.begins;
        let pruned = || log_blocks.iter().filter(|log| log.end().0 <= begins);
        let bytes: u64 = pruned().map(|log| log.block.bytes().len() as u64).sum();
        let row = SpaceRow { bytes: row.bytes.saturating_sub(bytes), ..row.clone() };
        let value = sealed(Table::Spaces, &key, &[&row.write()]);
        let guard = Guard { table: Table::Spaces, key: key.clone(), expected };
        let names = pruned().flat_map(|log| names_of(number, log));
        let mut changes = vec![
            Change::Remove { table: Table::Log, range: range.clone() },
            Change::Remove { table: Table::Control, range },
            Change::Put { table: Table::Spaces, key, value },
        ];
        changes.extend(names);
        self.rows().write(WriteSet { guards: vec![guard], changes }).await?;
        self.ledger().queue.tails().forget(space);
        Ok(Position(row.begins))
    }
}
