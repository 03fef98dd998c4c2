//! Rows that most sessions ask for, kept in memory: small ones that seldom change.
//!
//! A session of a replica that is up to date takes a millisecond, and each look into the rows of a file a tenth of
//! that: it is done on another thread. What is answered from here was read from the rows, or found not to be there,
//! and has not been written since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;
use super::rows::{Change, KeyRange, Read, Row, Rows, Table, WriteSet};
use crate::metrics::StoreUsage;

/// The tables of which rows are kept.
const TABLES: [Table; 4] = [Table::Filters, Table::Types, Table::Replicas, Table::Policies];
/// Most bytes of one value that is kept.
const VALUE_BYTES_MAX: usize = 4_096;
/// Bytes that all of them take at most; then they are forgotten, and read when they are asked for.
const BYTES_MAX: usize = 1_048_576;
/// Bytes that a row takes beside its key and its value, roughly.
const ROW_BYTES: usize = 128;

/// Rows of a back end, some of them in memory.
#[derive(Debug)]
pub(super) struct RememberedRows {
    rows: Arc<dyn Rows>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// `None` where there is no row.
    rows: BTreeMap<(Table, Vec<u8>), Option<Bytes>>,
    bytes: usize,
    /// Writes that have begun, and those of them that have ended.
    begun: u64,
    ended: u64,
}

impl RememberedRows {
    pub(super) fn over(rows: Arc<dyn Rows>) -> Self {
        Self { rows, memory: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // Nothing panics while it is locked.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Rows for RememberedRows {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        if !reads.iter().any(is_kept) || self.rows.is_shared() {
            return self.rows.read(reads).await;
        }
        let begun = {
            let memory = self.lock();
            let answers = reads.iter().map(|read| memory.answer(read)).collect();
            if let Some(answers) = answers {
                return Ok(answers);
            }
            (memory.ended == memory.begun).then_some(memory.begun)
        };
        let found = self.rows.read(reads.clone()).await?;
        let mut memory = self.lock();
        // No write was under way when it began, and none has begun since.
        if begun == Some(memory.begun) {
            let kept = reads.iter().zip(&found).filter(|(read, _)| is_kept(read));
            kept.for_each(|(read, rows)| memory.keep(read, rows.first()));
        }
        Ok(found)
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        self.lock().begin(&write);
        let written = self.rows.write(write).await;
        // A write that is given up has no end: nothing is kept from then on.
        self.lock().ended += 1;
        written
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.rows.close().await
    }

    fn usage(&self) -> StoreUsage {
        self.rows.usage()
    }

    fn is_shared(&self) -> bool {
        self.rows.is_shared()
    }

    async fn changed(&self) {
        self.rows.changed().await;
    }
}

impl Memory {
    fn answer(&self, read: &Read) -> Option<Vec<Row>> {
        if !is_kept(read) {
            return None;
        }
        let key = &read.range.from;
        let found = self.rows.get(&(read.table, key.clone()))?;
        Some(found.iter().map(|value| Row { key: key.clone(), value: value.clone() }).collect())
    }

    fn keep(&mut self, read: &Read, row: Option<&Row>) {
        let value = row.map(|row| Bytes::copy_from_slice(&row.value));
        let length = value.as_ref().map_or(0, Bytes::len);
        if length > VALUE_BYTES_MAX {
            return;
        }
        let key = read.range.from.clone();
        let bytes = key.len() + length + ROW_BYTES;
        if self.bytes + bytes > BYTES_MAX {
            self.rows.clear();
            self.bytes = 0;
        }
        if self.rows.insert((read.table, key), value).is_none() {
            self.bytes += bytes;
        }
    }

    /// Forgets what is about to be written.
    fn begin(&mut self, write: &WriteSet) {
        self.begun += 1;
        for change in &write.changes {
            match change {
                Change::Put { table, key, .. } if TABLES.contains(table) => {
                    self.forget((*table, key.clone()));
                }
                Change::Remove { table, range } if TABLES.contains(table) => {
                    let of_table = self.rows.range((*table, range.from.clone())..);
                    let keys = of_table.map(|(key, _)| key);
                    let removed = keys.take_while(|(of, key)| of == table && range.contains(key));
                    let removed: Vec<_> = removed.cloned().collect();
                    removed.into_iter().for_each(|key| self.forget(key));
                }
                Change::Put { .. } | Change::Remove { .. } => {}
            }
        }
    }

    fn forget(&mut self, key: (Table, Vec<u8>)) {
        let length = key.1.len();
        if let Some(value) = self.rows.remove(&key) {
            self.bytes -= length + value.map_or(0, |value| value.len()) + ROW_BYTES;
        }
    }
}

/// True when a read asks for one row of a table of which rows are kept.
fn is_kept(read: &Read) -> bool {
    TABLES.contains(&read.table)
        && read.floor.is_none()
        && read.range == KeyRange::one(&read.range.from)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::store::memory::MemoryRows;

    /// Counts reads, which wait for their turn after they have looked. Writes wait for theirs before.
    #[derive(Debug)]
    struct Slow {
        rows: MemoryRows,
        reads: AtomicU64,
        turns: Semaphore,
        writes: Semaphore,
    }

    #[async_trait]
    impl Rows for Slow {
        async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let found = self.rows.read(reads).await;
            self.turns.acquire().await.unwrap().forget();
            found
        }

        async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
            let _turn = self.writes.acquire().await.unwrap();
            self.rows.write(write).await
        }

        async fn close(&self) -> Result<(), StoreError> {
            self.rows.close().await
        }
    }

    fn slow(turns: usize) -> (Arc<Slow>, RememberedRows) {
        let (rows, turns) = (MemoryRows::new(), Semaphore::new(turns));
        let writes = Semaphore::new(1);
        let slow = Arc::new(Slow { rows, reads: AtomicU64::new(0), turns, writes });
        (Arc::clone(&slow), RememberedRows::over(slow))
    }

    fn put(table: Table, key: &[u8], value: &'static [u8]) -> WriteSet {
        let change = Change::Put { table, key: key.to_vec(), value: Bytes::from_static(value) };
        WriteSet { changes: vec![change], ..WriteSet::default() }
    }

    async fn value(rows: &RememberedRows, table: Table, key: &[u8]) -> Option<Bytes> {
        let found = rows.read(vec![Read::get(table, key)]).await.unwrap();
        found[0].first().map(|row| row.value.clone())
    }

    #[tokio::test]
    async fn a_row_is_read_once_until_it_is_written() {
        let (slow, rows) = slow(100);
        let reads = || slow.reads.load(Ordering::Relaxed);
        for _ in 0..2 {
            assert_eq!(value(&rows, Table::Filters, b"a").await, None);
        }
        assert_eq!(reads(), 1, "that there is none is kept, too");
        rows.write(put(Table::Filters, b"a", b"one")).await.unwrap();
        rows.write(put(Table::Filters, b"b", b"two")).await.unwrap();
        for _ in 0..2 {
            assert_eq!(value(&rows, Table::Filters, b"a").await.unwrap(), "one");
            assert_eq!(value(&rows, Table::Filters, b"b").await.unwrap(), "two");
        }
        assert_eq!(reads(), 3);
        let (table, range) = (Table::Filters, KeyRange::prefix(b"a"));
        let changes = vec![Change::Remove { table, range }];
        rows.write(WriteSet { changes, ..WriteSet::default() }).await.unwrap();
        assert_eq!(value(&rows, Table::Filters, b"a").await, None);
        assert_eq!(value(&rows, Table::Filters, b"b").await.unwrap(), "two");
        assert_eq!(reads(), 4);
        rows.write(put(Table::Replicas, b"b", b"three")).await.unwrap();
        assert_eq!(value(&rows, Table::Filters, b"b").await.unwrap(), "two");
        assert_eq!(reads(), 4, "a row of another table was written");
        let large = Bytes::from(vec![7; VALUE_BYTES_MAX + 1]);
        let change = Change::Put { table, key: b"c".to_vec(), value: large };
        rows.write(WriteSet { changes: vec![change], ..WriteSet::default() }).await.unwrap();
        for before in [4, 5] {
            assert_eq!(reads(), before);
            value(&rows, Table::Filters, b"c").await.unwrap();
        }
        for n in 0..20_000_u32 {
            slow.turns.add_permits(1);
            assert_eq!(value(&rows, Table::Replicas, &n.to_be_bytes()).await, None);
            assert!(rows.lock().bytes <= BYTES_MAX);
        }
    }

    #[tokio::test]
    async fn a_row_that_is_written_while_it_is_read_is_not_kept_as_it_was() {
        let (slow, rows) = slow(0);
        let begun = async {
            tokio::task::yield_now().await;
            rows.write(put(Table::Filters, b"a", b"new")).await.unwrap();
            slow.turns.add_permits(100);
        };
        let (before, ()) = tokio::join!(value(&rows, Table::Filters, b"a"), begun);
        assert_eq!(before, None);
        assert_eq!(value(&rows, Table::Filters, b"a").await.unwrap(), "new");
    }

    #[tokio::test]
    async fn a_row_that_is_read_while_it_is_being_written_is_not_kept_as_it_was() {
        let (slow, rows) = slow(0);
        let turn = slow.writes.acquire().await.unwrap();
        let write = async {
            rows.write(put(Table::Filters, b"a", b"new")).await.unwrap();
            slow.turns.add_permits(100);
        };
        let goes_on = async {
            tokio::task::yield_now().await;
            assert_eq!(slow.reads.load(Ordering::Relaxed), 1, "it has looked");
            drop(turn);
        };
        let read = value(&rows, Table::Filters, b"a");
        let ((), before, ()) = tokio::join!(biased; write, read, goes_on);
        assert_eq!(before, None);
        assert_eq!(value(&rows, Table::Filters, b"a").await.unwrap(), "new");
    }

    #[tokio::test]
    async fn several_reads_are_answered_from_one_state() {
        let (slow, rows) = slow(100);
        rows.write(put(Table::Filters, b"a", b"one")).await.unwrap();
        value(&rows, Table::Filters, b"a").await.unwrap();
        let both = || vec![Read::get(Table::Filters, b"a"), Read::get(Table::Spaces, b"a")];
        for before in [1, 2] {
            assert_eq!(slow.reads.load(Ordering::Relaxed), before);
            assert_eq!(rows.read(both()).await.unwrap().len(), 2);
        }
    }
}
