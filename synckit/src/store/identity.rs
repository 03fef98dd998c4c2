//! The rows that make empty tables a store: its format, its identity and its secret key.

use bytes::Bytes;

use super::encoding::{EARLIER_KEYS_MAX, FILE_ID_LEN, IdentityRow, meta, only, read_number};
use super::rows::{Change, Guard, Read, Row, Table, WriteSet};
use super::seal::{Damage, sealed};
use super::{StoreError, StoreErrorKind};
use crate::id::ReplicaId;
use crate::key::ReplicaKey;

/// The highest format number that this version reads, and the one it writes.
pub(super) const FORMAT: u32 = 2;
/// Bytes of randomness that make a store: what tells its file from others, and the seed of its key.
#[cfg_attr(not(feature = "testing"), allow(unreachable_pub, reason = "a seam for tests"))]
pub const ENTROPY_LEN: usize = FILE_ID_LEN + ReplicaKey::SEED_LEN;

/// The identity that random bytes make.
pub(super) fn from_entropy(entropy: &[u8; ENTROPY_LEN]) -> IdentityRow {
    let (mut file, mut seed) = ([0; FILE_ID_LEN], [0; ReplicaKey::SEED_LEN]);
    file.copy_from_slice(&entropy[..FILE_ID_LEN]);
    seed.copy_from_slice(&entropy[FILE_ID_LEN..]);
    IdentityRow { file, seed, earlier: 0, before: Vec::new() }
}

/// The first write to empty tables.
pub(super) fn founding(identity: &IdentityRow) -> WriteSet {
    let put = |key: &[u8], content: &[u8]| Change::Put {
        table: Table::Meta,
        key: key.to_vec(),
        value: sealed(Table::Meta, key, &[content]),
    };
    let changes = vec![
        put(meta::FORMAT, &FORMAT.to_be_bytes()),
        put(meta::IDENTITY, &identity.write()),
        put(meta::SPACES, &0u32.to_be_bytes()),
    ];
    let nothing = Guard { table: Table::Meta, key: meta::FORMAT.to_vec(), expected: None };
    WriteSet { guards: vec![nothing], changes }
}

impl IdentityRow {
    /// The same store with another key.
    pub(super) fn with_key(&self, seed: [u8; ReplicaKey::SEED_LEN]) -> Self {
        let mut next = Self { seed, ..self.clone() };
        next.wrote_under(ReplicaKey::from_seed(&self.seed).id());
        next
    }

    /// The keys before this one that the store has had since it had so many.
    pub(super) fn keys_since(&self, many: u32) -> Vec<ReplicaId> {
        let since = usize::try_from(self.earlier.saturating_sub(many)).unwrap_or(usize::MAX);
        let first = self.before.len().saturating_sub(since);
        self.before[first..].to_vec()
    }

    /// Adds to the keys that the store wrote under before.
    pub(super) fn wrote_under(&mut self, key: ReplicaId) {
        self.before.push(key);
        self.before.drain(..self.before.len().saturating_sub(EARLIER_KEYS_MAX));
        self.earlier = self.earlier.saturating_add(1);
    }
}

/// The change by which the store writes on under another key, and the guard on the one before:
/// another process may have changed it as well.
pub(super) fn change(before: &IdentityRow, after: &IdentityRow) -> (Guard, Change) {
    let (table, key) = (Table::Meta, meta::IDENTITY.to_vec());
    let [expected, value] =
        [before, after].map(|identity| sealed(table, &key, &[&identity.write()]));
    let guard = Guard { table, key: key.clone(), expected: Some(expected) };
    (guard, Change::Put { table, key, value })
}

/// The reads that [`read`] interprets.
pub(super) fn reads() -> Vec<Read> {
    [meta::FORMAT, meta::IDENTITY].map(|key| Read::get(Table::Meta, key)).into()
}

/// The store's identity; `None` when there is no store yet.
pub(super) fn read(rows: &[Vec<Row>]) -> Result<Option<IdentityRow>, StoreError> {
    let [format, identity] = rows else {
        return Err(Damage::new("a read was not answered").into());
    };
    let Some(format) = only(Table::Meta, format)? else {
        return Ok(None);
    };
    let format = read_number(&format)?;
    if format > FORMAT {
        let kind = StoreErrorKind::NewerFormat { found: format, known: FORMAT };
        return Err(StoreError::new("read the store's format", kind));
    }
    if format < FORMAT {
        return Err(StoreError::new("read the store's format", StoreErrorKind::NotAStore)
            .caused_by(Damage::new("its format was never released")));
    }
    let identity: Option<Bytes> = only(Table::Meta, identity)?;
    let missing = Damage::new("the store's identity is missing");
    Ok(Some(IdentityRow::read(&identity.ok_or(missing)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_by_how_many_there_were_before_them() {
        let mut row = from_entropy(&[1; ENTROPY_LEN]);
        let keys: Vec<_> = (0..5).map(|n| ReplicaKey::from_seed(&[n; 32]).id()).collect();
        keys.iter().for_each(|key| row.wrote_under(*key));
        // The first ones are forgotten.
        row.before.drain(..2);
        assert_eq!(row.keys_since(0), keys[2..]);
        assert_eq!(row.keys_since(2), keys[2..]);
        assert_eq!(row.keys_since(4), keys[4..]);
        assert_eq!((row.keys_since(5), row.keys_since(9)), (Vec::new(), Vec::new()));
    }
}
