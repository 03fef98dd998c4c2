//! Tables whose rows are sealed: every value begins with a checksum that binds it to its table and
//! key.
//!
//! redb does not verify its own checksums when it reads. A seal tells a row that was damaged, or
//! that belongs elsewhere, from a sound one; and because a damaged key can also make a row
//! *unfindable*, a look-up that finds nothing looks at the rows on both sides of where the row
//! would be.

use bytes::Bytes;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::fault::Fault;

/// Length of a seal in bytes.
pub(super) const SEAL_LEN: usize = 8;

type Raw = &'static [u8];

/// One table: its name in the file, and the number that its rows are sealed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    name: &'static str,
    number: u8,
    /// How many bytes of a row's content the seal covers. What lies behind has a checksum of its
    /// own.
    covers: usize,
}

impl Table {
    pub(super) const META: Self = Self::new("meta", 0);
    pub(super) const SPACES: Self = Self::new("spaces", 1);
    pub(super) const LOG: Self = Self {
        covers: super::rows::SOURCE_LEN + super::rows::BLOCK_HEADER_LEN,
        ..Self::new("log", 2)
    };
    pub(super) const HEADS: Self = Self::new("heads", 3);
    pub(super) const RUNS: Self = Self::new("runs", 4);
    pub(super) const CURSORS: Self = Self::new("cursors", 5);
    pub(super) const STATES: Self = Self::new("states", 6);
    pub(super) const CONFLICTS: Self = Self::new("conflicts", 7);
    pub(super) const CONFLICTS_SEEN: Self = Self::new("conflicts-seen", 8);
    pub(super) const FORKS: Self = Self::new("forks", 9);
    pub(super) const AGGREGATES: Self = Self::new("aggregates", 10);
    pub(super) const INDEXED: Self = Self::new("indexed", 11);
    pub(super) const NAMES: Self = Self::new("names", 12);

    /// Every table of a store.
    pub(super) const ALL: [Self; 13] = [
        Self::META,
        Self::SPACES,
        Self::LOG,
        Self::HEADS,
        Self::RUNS,
        Self::CURSORS,
        Self::STATES,
        Self::CONFLICTS,
        Self::CONFLICTS_SEEN,
        Self::FORKS,
        Self::AGGREGATES,
        Self::INDEXED,
        Self::NAMES,
    ];

    const fn new(name: &'static str, number: u8) -> Self {
        Self { name, number, covers: usize::MAX }
    }

    /// The table in a read transaction.
    pub(super) fn of(self, txn: &ReadTransaction) -> Result<Rows<ReadOnlyTable<Raw, Raw>>, Fault> {
        Ok(Rows { table: self, rows: txn.open_table(self.definition())? })
    }

    /// The table in a write transaction; it is created when it is not there.
    pub(super) fn of_mut(
        self,
        txn: &WriteTransaction,
    ) -> Result<Rows<redb::Table<'_, Raw, Raw>>, Fault> {
        Ok(Rows { table: self, rows: txn.open_table(self.definition())? })
    }

    const fn definition(self) -> TableDefinition<'static, Raw, Raw> {
        TableDefinition::new(self.name)
    }

    fn seal<'a>(self, key: &[u8], content: impl IntoIterator<Item = &'a [u8]>) -> [u8; SEAL_LEN] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[self.number]);
        hasher.update(&(key.len() as u64).to_be_bytes());
        hasher.update(key);
        let mut left = self.covers;
        for part in content {
            let covered = &part[..part.len().min(left)];
            hasher.update(covered);
            left -= covered.len();
        }
        let mut seal = [0; SEAL_LEN];
        seal.copy_from_slice(&hasher.finalize().as_bytes()[..SEAL_LEN]);
        seal
    }

    /// The content of a value, once its seal has been checked.
    fn unseal(self, key: &[u8], value: &[u8]) -> Result<Bytes, Fault> {
        let Some((seal, content)) = value.split_first_chunk::<SEAL_LEN>() else {
            return Err(Fault::damaged("a row is shorter than its seal"));
        };
        if self.seal(key, [content]) != *seal {
            return Err(Fault::damaged("a row's seal does not fit its contents"));
        }
        Ok(Bytes::copy_from_slice(content))
    }
}

/// A key and its content, with the seal checked.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) key: Vec<u8>,
    pub(super) content: Bytes,
}

/// A table in a transaction.
#[derive(Debug)]
pub(super) struct Rows<T> {
    table: Table,
    rows: T,
}

impl<T: ReadableTable<Raw, Raw>> Rows<T> {
    /// The content of a row.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        if let Some(value) = self.rows.get(key)? {
            return self.table.unseal(key, value.value()).map(Some);
        }
        self.at_or_before(key)?;
        match self.range(key, &[]).next().transpose()? {
            Some(row) if row.key == key => Err(Fault::damaged("a table's rows are out of order")),
            _ => Ok(None),
        }
    }

    /// The last row whose key is at most `key`.
    pub(super) fn at_or_before(&self, key: &[u8]) -> Result<Option<Row>, Fault> {
        let Some(found) = self.rows.range::<&[u8]>(..=key)?.next_back() else {
            return Ok(None);
        };
        let (found, value) = found?;
        if found.value() > key {
            return Err(Fault::damaged("a table's rows are out of order"));
        }
        let content = self.table.unseal(found.value(), value.value())?;
        Ok(Some(Row { key: found.value().to_vec(), content }))
    }

    /// The rows from key `from` up to but not including key `to`, ascending; an empty `to` means to
    /// the end.
    pub(super) fn range<'a>(
        &'a self,
        from: &'a [u8],
        to: &'a [u8],
    ) -> impl Iterator<Item = Result<Row, Fault>> + 'a {
        let mut last: Option<Vec<u8>> = None;
        let (rows, failed) = match self.rows.range::<&[u8]>(from..) {
            Ok(rows) => (Some(rows), None),
            Err(error) => (None, Some(Err(error.into()))),
        };
        let rows = rows.into_iter().flatten().map_while(move |row| {
            let (key, value) = match row {
                Ok(row) => row,
                Err(error) => return Some(Err(Fault::from(error))),
            };
            let (key, value) = (key.value(), value.value());
            if key < from || last.as_deref().is_some_and(|last| key <= last) {
                return Some(Err(Fault::damaged("a table's rows are out of order")));
            }
            if !to.is_empty() && key >= to {
                // A damaged key must not end the range early.
                return self.table.unseal(key, value).err().map(Err);
            }
            last = Some(key.to_vec());
            let content = self.table.unseal(key, value);
            Some(content.map(|content| Row { key: key.to_vec(), content }))
        });
        failed.into_iter().chain(rows)
    }

    /// The rows whose keys begin with `prefix`, from key `from` on.
    pub(super) fn within<'a>(
        &'a self,
        prefix: &'a [u8],
        from: &'a [u8],
    ) -> impl Iterator<Item = Result<Row, Fault>> + 'a {
        self.range(from, &[]).take_while(move |row| match row {
            Ok(row) => row.key.starts_with(prefix),
            Err(_) => true,
        })
    }
}

impl Rows<redb::Table<'_, Raw, Raw>> {
    /// Writes a row whose content is the parts one after the other.
    pub(super) fn put(&mut self, key: &[u8], parts: &[&[u8]]) -> Result<(), Fault> {
        let seal = self.table.seal(key, parts.iter().copied());
        let length = SEAL_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
        let mut place = self.rows.insert_reserve(key, length)?;
        let mut rest = place.as_mut();
        for part in std::iter::once(&&seal[..]).chain(parts) {
            let (this, after) = rest.split_at_mut(part.len());
            this.copy_from_slice(part);
            rest = after;
        }
        Ok(())
    }

    /// Removes every row whose key begins with `prefix`.
    pub(super) fn clear(&mut self, prefix: &[u8]) -> Result<(), Fault> {
        let end = super::rows::after_prefix(prefix);
        Ok(self.rows.retain_in::<&[u8], _>(prefix..end.as_slice(), |_, _| false)?)
    }
}
