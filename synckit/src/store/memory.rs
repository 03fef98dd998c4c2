//! Rows in memory: for tests, and for replicas that need not outlive their process.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;
use super::rows::{Change, Read, Row, Rows, Table, WriteSet};

/// Rows that are gone when they are dropped.
#[derive(Default)]
pub struct MemoryRows(Mutex<BTreeMap<Table, Held>>);

type Held = BTreeMap<Vec<u8>, Bytes>;

impl MemoryRows {
    /// Empty tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tables after one write.
    pub(super) fn holding(write: WriteSet) -> Self {
        let mut tables = BTreeMap::new();
        write.changes.into_iter().for_each(|change| apply(&mut tables, change));
        Self(Mutex::new(tables))
    }

    /// Other tables with the same rows.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Table, Held>> {
        // Nothing panics between two changes of a write.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows no rows: one of them holds the store's secret key.
impl fmt::Debug for MemoryRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRows").finish_non_exhaustive()
    }
}

#[async_trait]
impl Rows for MemoryRows {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        let tables = self.lock();
        let none = Held::new();
        Ok(reads
            .iter()
            .map(|read| select(tables.get(&read.table).unwrap_or(&none), read))
            .collect())
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        let mut tables = self.lock();
        write.check(|table, key| Ok(tables.get(&table).and_then(|rows| rows.get(key)).cloned()))?;
        write.changes.into_iter().for_each(|change| apply(&mut tables, change));
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn apply(tables: &mut BTreeMap<Table, Held>, change: Change) {
    match change {
        Change::Put { table, key, value } => {
            tables.entry(table).or_default().insert(key, value);
        }
        Change::Remove { table, range } => {
            let rows = tables.entry(table).or_default();
            let mut behind = rows.split_off(&range.from);
            if !range.to.is_empty() {
                rows.append(&mut behind.split_off(&range.to));
            }
        }
    }
}

fn select(rows: &Held, read: &Read) -> Vec<Row> {
    let from = read.range.from.as_slice();
    let begins = read.floor.as_deref().filter(|floor| *floor <= from).and_then(|floor| {
        let within = (Bound::Included(floor), Bound::Included(from));
        rows.range::<[u8], _>(within).next_back().map(|(key, _)| key.as_slice())
    });
    let after = rows.range::<[u8], _>((Bound::Included(begins.unwrap_or(from)), Bound::Unbounded));
    let (mut selected, mut bytes) = (Vec::new(), 0usize);
    for (key, value) in after {
        bytes = bytes.saturating_add(value.len());
        let full = bytes > read.bytes_max && !selected.is_empty();
        if full || selected.len() >= read.rows_max || read.range.is_behind(key) {
            break;
        }
        selected.push(Row { key: key.clone(), value: value.clone() });
    }
    selected
}
