//! What can go wrong under the store, and what the caller is told about it.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::block::BlockError;
use crate::id::IdError;
use crate::store::{StoreError, StoreErrorKind};
use crate::wire::WireError;

/// Why an operation on the file did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The store was closed.
    Closed,
    /// What was read contradicts its checksum or its neighbours.
    Damaged(&'static str, Option<Box<dyn std::error::Error + Send + Sync>>),
    /// There is no open handle: the last attempt to open the file again failed.
    NoHandle,
    /// Written by a later version.
    NewerFormat(u32),
    /// Not a file of ours.
    NotAStore(&'static str),
    /// The system gave no random numbers.
    Randomness(io::Error),
    /// redb panicked over a damaged file.
    Panicked(String),
    /// redb or the system refused.
    Redb(redb::Error),
    /// The system refused an operation on the file itself.
    System(&'static str, io::Error),
}

/// The highest format number that this version reads, and the one it writes.
pub(super) const FORMAT: u32 = 1;

impl Fault {
    pub(super) const fn damaged(what: &'static str) -> Self {
        Self::Damaged(what, None)
    }

    /// Whether the handle cannot be used any more, while a newly opened one may work.
    pub(super) const fn handle_is_dead(&self) -> bool {
        use redb::Error;
        matches!(
            self,
            Self::NoHandle
                | Self::Redb(Error::PreviousIo | Error::DatabaseClosed | Error::LockPoisoned(_))
        )
    }

    /// Whether the file, not the system, is to blame.
    pub(super) fn is_damage(&self) -> bool {
        self.kind() == StoreErrorKind::Corrupt
    }

    fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Closed => StoreErrorKind::Closed,
            Self::Damaged(..) | Self::Panicked(_) => StoreErrorKind::Corrupt,
            Self::NewerFormat(found) => {
                StoreErrorKind::NewerFormat { found: *found, known: FORMAT }
            }
            Self::NoHandle => StoreErrorKind::Io,
            Self::NotAStore(_) => StoreErrorKind::NotAStore,
            Self::Randomness(_) => StoreErrorKind::Randomness,
            Self::Redb(error) => redb_kind(error),
            Self::System(_, error) => io_kind(error),
        }
    }

    pub(super) fn into_store_error(self, attempted: impl Into<String>) -> StoreError {
        Arc::new(self).to_store_error(attempted)
    }
}

/// Tells several callers of one fault.
pub(super) trait ToStoreError {
    fn to_store_error(&self, attempted: impl Into<String>) -> StoreError;
}

impl ToStoreError for Arc<Fault> {
    fn to_store_error(&self, attempted: impl Into<String>) -> StoreError {
        StoreError::new(attempted, self.kind()).caused_by(Self::clone(self))
    }
}

fn redb_kind(error: &redb::Error) -> StoreErrorKind {
    use redb::Error;
    match error {
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => StoreErrorKind::Locked,
        Error::UpgradeRequired(_) => StoreErrorKind::NotAStore,
        Error::Io(error) => io_kind(error),
        Error::Backend(_)
        | Error::DatabaseClosed
        | Error::LockPoisoned(_)
        | Error::PreviousIo
        | Error::Unsupported => StoreErrorKind::Io,
        // What is left speaks of tables that are not there or pages that make no sense.
        _ => StoreErrorKind::Corrupt,
    }
}

fn io_kind(error: &io::Error) -> StoreErrorKind {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreErrorKind::DiskFull
        }
        // redb reports so what it cannot interpret, and a file that ends too early.
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Io,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the store was closed"),
            Self::Damaged(what, None) => f.write_str(what),
            Self::Damaged(what, Some(cause)) => write!(f, "{what}: {cause}"),
            Self::NewerFormat(found) => write!(f, "the file has format {found}"),
            Self::NoHandle => f.write_str("the file could not be opened again after a failure"),
            Self::NotAStore(why) => f.write_str(why),
            Self::Panicked(message) => write!(f, "the file's structure is damaged: {message}"),
            Self::Randomness(error) => error.fmt(f),
            Self::Redb(error) => error.fmt(f),
            Self::System(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Redb(error) => Some(error),
            Self::System(_, error) => Some(error),
            Self::Damaged(_, Some(cause)) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self::Redb(error.into())
            }
        }
    )*};
}
from_redb!(CommitError, DatabaseError, StorageError, TableError, TransactionError);

macro_rules! from_damage {
    ($($error:ident => $what:literal),* $(,)?) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Damaged($what, Some(Box::new(error)))
            }
        }
    )*};
}
from_damage! {
    BlockError => "a stored block cannot be read",
    IdError => "a stored name is not valid",
    WireError => "a stored record cannot be read",
}

/// Runs `operation` on redb. redb does not promise to survive a file that was damaged behind its
/// back without a panic; a panic is reported as the damage that caused it.
pub(super) fn guarded<T>(operation: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    // A handle that was in use during a panic is dropped and never used again: see `Engine`.
    catch_unwind(AssertUnwindSafe(operation)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Err(Fault::Panicked(text.unwrap_or("no message").to_owned()))
    })
}
