//! Checkpoints: states, and what is counted and named of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Changes, Ledger, answer};
use crate::store::parts::{HeldParts, StateRow};
use crate::store::rows::{Change, KeyRange, Read, Table};
use crate::store::space::{Known, Space};
use crate::store::{Batch, Checkpoint, StoreError, view};

/// The tables that hold states, and what is named of them.
const OF_STATES: [Table; 4] = [Table::States, Table::Parts, Table::Conflicted, Table::Parked];

impl Ledger {
    /// Reads which parts are stored of the states that a checkpoint replaces one by one.
    pub(super) async fn held_parts(
        &self,
        space: &Arc<Space>,
        known: &Known,
        batch: &Batch,
        checkpoint: &Checkpoint,
    ) -> Result<HeldParts, StoreError> {
        let mut held = HeldParts::new();
        if checkpoint.replaces_all || checkpoint.states.is_empty() || known.stored.is_none() {
            return Ok(held);
        }
        self.settled(space, known, batch).await?;
        let number = known.row.number;
        let any = Read { rows_max: 1, ..Read::range(Table::Parts, number.range()) };
        if answer(&self.rows().read(vec![any]).await?, 0).is_empty() {
            return Ok(held);
        }
        let aggregates = checkpoint.states.iter().map(|(aggregate, _)| aggregate);
        let reads = aggregates.clone().map(|aggregate| view::state_read(number, aggregate));
        let found = self.rows().read(reads.collect()).await?;
        for (aggregate, rows) in aggregates.zip(&found) {
            // One that is damaged is as good as none: its parts are written, whatever is there.
            let parts = view::state(rows).ok().flatten().map(|row| row.parts());
            held.extend(parts.map(|parts| (aggregate.clone(), parts)));
        }
        Ok(held)
    }
}

impl Changes {
    /// Writes a checkpoint over one of whose states so many parts are held.
    pub(super) fn checkpoint(&mut self, checkpoint: &Checkpoint, mut held: HeldParts) {
        let number = self.row.number;
        if checkpoint.replaces_all {
            for table in OF_STATES {
                self.changes.push(Change::Remove { table, range: number.range() });
            }
        }
        // Of a state that is named twice, the last one holds.
        let states: BTreeMap<_, _> =
            checkpoint.states.iter().map(|(id, state)| (id, state)).collect();
        for (aggregate, state) in states {
            let held = held.remove(aggregate).unwrap_or_default();
            let (row, parts) = StateRow::of(state);
            for (part, bytes) in parts.iter().filter(|(part, _)| !held.contains(part)) {
                self.put(Table::Parts, number.part(aggregate, *part), &[bytes]);
            }
            for part in held.iter().filter(|part| !parts.contains_key(part)) {
                self.remove(Table::Parts, &number.part(aggregate, *part));
            }
            self.put(Table::States, number.state(aggregate), &[&row.write()]);
        }
        for (aggregate, is_conflicted) in &checkpoint.conflicted {
            let key = number.state(aggregate);
            if *is_conflicted {
                self.put(Table::Conflicted, key, &[]);
            } else {
                self.remove(Table::Conflicted, &key);
            }
        }
        for position in &checkpoint.parked {
            self.put(Table::Parked, number.parked(*position), &[]);
        }
        self.row.mark = Some(checkpoint.mark.clone());
    }

    fn remove(&mut self, table: Table, key: &[u8]) {
        self.changes.push(Change::Remove { table, range: KeyRange::one(key) });
    }
}
