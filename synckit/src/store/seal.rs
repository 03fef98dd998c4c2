//! Sealed rows: every value begins with a checksum that binds it to its table and key.
//!
//! A back end may hand back what it was not given: redb does not verify its own checksums when it
//! reads. A seal tells a row that was damaged, or that belongs elsewhere, from a sound one.

use bytes::Bytes;

use super::encoding::place_len;
use super::rows::Table;
use super::{StoreError, StoreErrorKind};
use crate::block::BlockError;
use crate::id::IdError;
use crate::wire::WireError;

/// Length of a seal in bytes.
pub(super) const SEAL_LEN: usize = 8;

/// Stored bytes contradict its checksum or its neighbours.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct Damage {
    what: &'static str,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Damage {
    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, cause: None }
    }
}

impl From<Damage> for StoreError {
    fn from(damage: Damage) -> Self {
        Self::new("read what is stored", StoreErrorKind::Corrupt).caused_by(damage)
    }
}

macro_rules! from_damage {
    ($($error:ident => $what:literal),* $(,)?) => {$(
        impl From<$error> for Damage {
            fn from(error: $error) -> Self {
                Self { what: $what, cause: Some(Box::new(error)) }
            }
        }
    )*};
}
from_damage! {
    BlockError => "a stored block cannot be read",
    IdError => "a stored name is not valid",
    WireError => "a stored record cannot be read",
}

/// A value whose content is the parts, one after the other.
pub(super) fn sealed(table: Table, key: &[u8], parts: &[&[u8]]) -> Bytes {
    let length = SEAL_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut value = Vec::with_capacity(length);
    value.extend_from_slice(&seal(table, key, parts));
    parts.iter().for_each(|part| value.extend_from_slice(part));
    value.into()
}

/// The content of a value, once its seal has been checked. Shares the value's memory.
pub(super) fn unseal(table: Table, key: &[u8], value: &Bytes) -> Result<Bytes, Damage> {
    check(table, key, value)?;
    Ok(value.slice(SEAL_LEN..))
}

/// Checks a value against its seal.
pub(super) fn check(table: Table, key: &[u8], value: &[u8]) -> Result<(), Damage> {
    let Some((found, content)) = value.split_first_chunk::<SEAL_LEN>() else {
        return Err(Damage::new("a row is shorter than its seal"));
    };
    if seal(table, key, &[content]) == *found {
        Ok(())
    } else {
        Err(Damage::new("a row's seal does not fit its contents"))
    }
}

fn seal(table: Table, key: &[u8], parts: &[&[u8]]) -> [u8; SEAL_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[table.number()]);
    hasher.update(&(key.len() as u64).to_be_bytes());
    hasher.update(key);
    let mut left = covers(table, parts);
    for part in parts {
        let covered = &part[..part.len().min(left)];
        hasher.update(covered);
        left -= covered.len();
    }
    let mut seal = [0; SEAL_LEN];
    seal.copy_from_slice(&hasher.finalize().as_bytes()[..SEAL_LEN]);
    seal
}

/// The number of bytes of a row's content that the seal covers. A block behind its header has a
/// checksum of its own, which is covered.
fn covers(table: Table, parts: &[&[u8]]) -> usize {
    match (table, parts.first()) {
        (Table::Log, Some(first)) => place_len(first),
        _ => usize::MAX,
    }
}
