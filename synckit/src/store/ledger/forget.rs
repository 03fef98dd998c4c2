//! Forgetting a space, so that it is fetched from the beginning.

use super::{Changes, Ledger, NewKey};
use crate::id::SpaceId;
use crate::store::StoreError;
use crate::store::encoding::{SpaceRow, space_key};
use crate::store::rows::{Change, Guard, Table, WriteSet};
use crate::store::seal::sealed;

/// The tables whose keys begin with the number of a space.
const OF_SPACES: [Table; 13] = [
    Table::Log,
    Table::Heads,
    Table::Runs,
    Table::Cursors,
    Table::States,
    Table::Parts,
    Table::Acks,
    Table::Control,
    Table::Conflicted,
    Table::History,
    Table::Once,
    Table::Parked,
    Table::Filters,
];

impl Ledger {
    /// Removes all rows of a space, and writes on under another key, in one write.
    pub(in crate::store) async fn forget(&self, id: &SpaceId) -> Result<(), StoreError> {
        self.settle().await;
        let space = self.spaces.of(id);
        let mut place = space.known.lock().await;
        let known = self.load(id, &space).await?;
        let (number, key) = (known.row.number, space_key(id).to_vec());
        let Some(stored) = known.stored.clone() else { return Ok(()) };
        let mut draft = Changes::on(&known);
        self.new_key(self.key().id(), &mut draft).await?;
        let of_space = |table| Change::Remove { table, range: number.range() };
        let mut changes: Vec<_> = OF_SPACES.into_iter().map(of_space).collect();
        let keys_before =
            draft.key.as_ref().map_or_else(|| self.earlier_keys(), |key| key.row.earlier);
        let row = SpaceRow { keys_before, ..SpaceRow::empty(number) };
        let value = sealed(Table::Spaces, &key, &[&row.write()]);
        changes.push(Change::Put { table: Table::Spaces, key: key.clone(), value });
        changes.append(&mut draft.changes);
        let mut guards = vec![Guard { table: Table::Spaces, key, expected: Some(stored) }];
        guards.append(&mut draft.guards);
        self.write_beside(WriteSet { guards, changes }).await?;
        if let Some(NewKey { row, before }) = &draft.key {
            self.change_key(before, row);
        }
        *place = None;
        space.forget_end();
        space.shown.forget();
        self.queue.tails().forget(id);
        self.queue.cursors().forget();
        self.acks.forget(id);
        Ok(())
    }
}
