//! The seam of a back end: sorted tables of byte strings, read from one state, written as a whole.
//!
//! [`EventStore`](super::EventStore) keeps everything that a store means in tables of rows:
//! admission, encodings, checksums, cursors, group commit and waking readers stand above this seam
//! and exist once. A back end only keeps rows. It interprets neither keys nor values.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Mutex;
//!
//! use async_trait::async_trait;
//! use synckit::store::{Change, EventStore, Read, Row, Rows, StoreError, Table, WriteSet};
//!
//! #[derive(Debug, Default)]
//! struct Shelf(Mutex<BTreeMap<(Table, Vec<u8>), bytes::Bytes>>);
//!
//! #[async_trait]
//! impl Rows for Shelf {
//!     async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
//!         let rows = self.0.lock().unwrap();
//!         let of = |read: &Read| {
//!             let of_table = rows.iter().filter(|((table, _), _)| *table == read.table);
//!             read.select(of_table.map(|((_, key), value)| (key.as_slice(), value)))
//!         };
//!         Ok(reads.iter().map(of).collect())
//!     }
//!
//!     async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
//!         let mut rows = self.0.lock().unwrap();
//!         let held = |table, key: &[u8]| rows.get(&(table, key.to_vec())).cloned();
//!         write.check(|table, key| Ok(held(table, key)))?;
//!         for change in write.changes {
//!             match change {
//!                 Change::Put { table, key, value } => drop(rows.insert((table, key), value)),
//!                 Change::Remove { table, range } => {
//!                     rows.retain(|(of, key), _| *of != table || !range.contains(key));
//!                 }
//!             }
//!         }
//!         Ok(())
//!     }
//!
//!     async fn close(&self) -> Result<(), StoreError> {
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), StoreError> {
//! let store = EventStore::over(Shelf::default()).await?;
//! # let _ = store.key();
//! # Ok(())
//! # }
//! ```

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::{StoreError, StoreErrorKind};
use crate::metrics::StoreUsage;

/// A back end: tables of rows, ordered by the bytes of their keys.
///
/// Methods are called at the same time from many tasks, [`Rows::write`] by one task at a time and
/// in an order that matters: a write begins after the one before has returned. Dropping a returned
/// future may cancel waiting, never half of a write.
///
/// A back end of your own passes `synckit::testing::store_contract!` (feature `testing`).
#[async_trait]
pub trait Rows: fmt::Debug + Send + Sync + 'static {
    /// Answers all reads from one state: a write shows in all of them or in none. Results stand in
    /// the order of the reads.
    ///
    /// # Errors
    /// When the rows cannot be read. An answer is never incomplete.
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError>;

    /// Writes all changes, in their order, or none. When this returns, they are durable: they
    /// survive a crash of the process and of the machine.
    ///
    /// # Errors
    /// [`StoreErrorKind::Contended`] when a guarded row is not as the guard says; nothing is
    /// written then. Any other kind leaves open whether the changes were written.
    async fn write(&self, write: WriteSet) -> Result<(), StoreError>;

    /// Releases what the back end holds open. Called once, after the last read and write.
    ///
    /// # Errors
    /// When the end could not be written; everything written before is durable all the same.
    async fn close(&self) -> Result<(), StoreError>;

    /// The use of what is below: zeros where nobody counts.
    fn usage(&self) -> StoreUsage {
        StoreUsage::default()
    }

    /// True when other processes write these rows while they are open here. If they do, nothing that
    /// they may have changed is answered from memory, and [`Rows::changed`] is to be implemented.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns when another process may have written. Never returns if there are none.
    async fn changed(&self) {
        std::future::pending().await
    }
}

/// The tables. A back end may keep them apart, or in one table with [`Table::number`] before the
/// key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Table {
    /// The format, the store's identity, and the number of spaces.
    Meta,
    /// One row for each space.
    Spaces,
    /// The blocks of events, the largest values: up to half a mebibyte each.
    Log,
    /// Branches of authors.
    Heads,
    /// In which block an event of a branch is.
    Runs,
    /// Cursors in peers' logs.
    Cursors,
    /// Materialized states of aggregates.
    States,
    /// Acknowledgements of peers: how far they hold logs.
    Acks,
    /// The names of spaces. Number 8 is not used.
    Names = 9,
    /// Blocks in which hubs rule.
    Control,
    /// Blocks that wait for what they follow, out of a damaged file.
    Left,
    /// Aggregates with open conflicts.
    Conflicted,
    /// In which blocks the events of an aggregate are.
    History,
    /// Idempotency keys of edits.
    Once,
    /// Events that the stored states are folded without.
    Parked,
    /// The filters of spaces that are held in part.
    Filters,
    /// Types of events, as those who write in a space tell them.
    Types,
    /// Replicas that hubs have met, and those that they have retired.
    Replicas,
    /// The policies by which replicas show the fields of spaces.
    Policies,
    /// Parts of large states.
    Parts,
}

impl Table {
    /// All tables, by number.
    pub const ALL: [Self; 20] = [
        Self::Meta,
        Self::Spaces,
        Self::Log,
        Self::Heads,
        Self::Runs,
        Self::Cursors,
        Self::States,
        Self::Acks,
        Self::Names,
        Self::Control,
        Self::Left,
        Self::Conflicted,
        Self::History,
        Self::Once,
        Self::Parked,
        Self::Filters,
        Self::Types,
        Self::Replicas,
        Self::Policies,
        Self::Parts,
    ];

    /// The table's name: `a-z` and `_`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Spaces => "spaces",
            Self::Log => "log",
            Self::Heads => "heads",
            Self::Runs => "runs",
            Self::Cursors => "cursors",
            Self::States => "states",
            Self::Acks => "acks",
            Self::Names => "names",
            Self::Control => "control",
            Self::Left => "left",
            Self::Conflicted => "conflicted",
            Self::History => "history",
            Self::Once => "once",
            Self::Parked => "parked",
            Self::Filters => "filters",
            Self::Types => "types",
            Self::Replicas => "replicas",
            Self::Policies => "policies",
            Self::Parts => "parts",
        }
    }

    /// The table's number, which never changes.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Keys from one up to, but not including, another.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a range has two ends")]
pub struct KeyRange {
    /// The first key.
    pub from: Vec<u8>,
    /// The first key beyond; none when empty: the range goes to the table's end.
    pub to: Vec<u8>,
}

impl KeyRange {
    /// One key.
    pub fn one(key: &[u8]) -> Self {
        Self { from: key.to_vec(), to: [key, &[0]].concat() }
    }

    /// All keys that begin with a prefix.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { from: prefix.to_vec(), to: after_prefix(prefix) }
    }

    /// True when the range holds a key.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && !self.is_behind(key)
    }

    /// True when a key is beyond the range's end.
    pub fn is_behind(&self, key: &[u8]) -> bool {
        !self.to.is_empty() && key >= self.to.as_slice()
    }
}

/// One read: rows of a table, ascending by key.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a back end must not pass over a part of it")]
pub struct Read {
    /// The table.
    pub table: Table,
    /// The keys that are wanted.
    pub range: KeyRange,
    /// Begin earlier: with the last row whose key is at least this and at most `range.from`, if
    /// there is one. `None` to begin at `range.from`.
    pub floor: Option<Vec<u8>>,
    /// Most rows.
    pub rows_max: usize,
    /// Most bytes of values; the first row is returned whatever its size.
    pub bytes_max: usize,
}

impl Read {
    /// The row with a key.
    pub fn get(table: Table, key: &[u8]) -> Self {
        Self { rows_max: 1, ..Self::range(table, KeyRange::one(key)) }
    }

    /// All rows of a range.
    pub const fn range(table: Table, range: KeyRange) -> Self {
        Self { table, range, floor: None, rows_max: usize::MAX, bytes_max: usize::MAX }
    }

    /// Picks what the read asks for out of a table's rows, which are given ascending by key.
    ///
    /// For back ends that hold all rows in memory; others have their own index do this.
    pub fn select<'a>(&self, rows: impl IntoIterator<Item = (&'a [u8], &'a Bytes)>) -> Vec<Row> {
        let rows: Vec<_> = rows.into_iter().collect();
        let from = self.range.from.as_slice();
        let mut first = rows.partition_point(|(key, _)| *key < from);
        let is_there = rows.get(first).is_some_and(|(key, _)| *key == from);
        if let (false, Some(floor), Some(before)) = (is_there, &self.floor, first.checked_sub(1))
            && rows[before].0 >= floor.as_slice()
        {
            first = before;
        }
        let (mut selected, mut bytes) = (Vec::new(), 0usize);
        for (key, value) in &rows[first..] {
            bytes = bytes.saturating_add(value.len());
            let full = bytes > self.bytes_max && !selected.is_empty();
            if full || selected.len() >= self.rows_max || self.range.is_behind(key) {
                break;
            }
            selected.push(Row { key: key.to_vec(), value: (*value).clone() });
        }
        selected
    }
}

/// A row.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a row is a key and a value")]
pub struct Row {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Bytes,
}

/// Changes that are written at once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct WriteSet {
    /// Conditions on rows before any change is made.
    pub guards: Vec<Guard>,
    /// The changes, each on top of those before.
    pub changes: Vec<Change>,
}

impl WriteSet {
    /// Checks the guards, given a look-up of rows.
    ///
    /// # Errors
    /// [`StoreErrorKind::Contended`] when a row is not as expected, or the look-up's error.
    pub fn check(
        &self,
        mut get: impl FnMut(Table, &[u8]) -> Result<Option<Bytes>, StoreError>,
    ) -> Result<(), StoreError> {
        for Guard { table, key, expected } in &self.guards {
            if get(*table, key)? != *expected {
                return Err(StoreError::new("write rows", StoreErrorKind::Contended));
            }
        }
        Ok(())
    }
}

/// A row that must be as it was read: another process may have written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a back end must not pass over a part of it")]
pub struct Guard {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The value that must be there; `None` when there must be no row.
    pub expected: Option<Bytes>,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_enums, reason = "a back end that passed over a change would lose data")]
pub enum Change {
    /// Writes a row, in the place of one that has the key.
    Put {
        /// The table.
        table: Table,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Bytes,
    },
    /// Removes all rows of a range.
    Remove {
        /// The table.
        table: Table,
        /// The keys.
        range: KeyRange,
    },
}

/// The first key after all that begin with `prefix`; empty when there is none.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}
