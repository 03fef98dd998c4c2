//! Faults under the store, and what the caller is told about them.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::store::seal::Damage;
use crate::store::{StoreError, StoreErrorKind};

/// Reason why an operation on the file did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The store was closed.
    Closed,
    /// A guarded row is not as it was expected to be.
    Contended,
    /// Bytes that were read contradict their checksum or their neighbours.
    Damaged(Damage),
    /// The file is not where it was opened, or not all of it.
    Gone(io::Error),
    /// The store's own rows refuse it.
    Identity(StoreError),
    /// There is no open handle: the last attempt to open the file again failed.
    NoHandle,
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

impl Fault {
    /// True if the handle cannot be used any more, while a newly opened one may work.
    pub(super) const fn handle_is_dead(&self) -> bool {
        use redb::Error;
        matches!(
            self,
            Self::NoHandle
                | Self::Redb(Error::PreviousIo | Error::DatabaseClosed | Error::LockPoisoned(_))
        )
    }

    fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Closed => StoreErrorKind::Closed,
            Self::Contended => StoreErrorKind::Contended,
            Self::Damaged(_) | Self::Panicked(_) => StoreErrorKind::Corrupt,
            Self::Gone(_) => StoreErrorKind::Gone,
            Self::Identity(error) => error.kind().clone(),
            Self::NoHandle => StoreErrorKind::Io,
            Self::NotAStore(_) => StoreErrorKind::NotAStore,
            Self::Randomness(_) => StoreErrorKind::Randomness,
            Self::Redb(error) => redb_kind(error),
            Self::System(_, error) => io_kind(error),
        }
    }

    pub(super) fn into_store_error(self, attempted: impl Into<String>) -> StoreError {
        match self {
            Self::Identity(error) => error.attempting(attempted),
            fault => StoreError::new(attempted, fault.kind()).caused_by(fault),
        }
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
            Self::Contended => f.write_str("a row is not as it was"),
            Self::Damaged(damage) => damage.fmt(f),
            Self::Gone(error) => error.fmt(f),
            Self::Identity(error) => error.fmt(f),
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
            Self::Gone(error) | Self::System(_, error) => Some(error),
            Self::Damaged(damage) => damage.source(),
            Self::Identity(error) => error.source(),
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

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// Runs `operation` on redb. redb does not promise to survive a file that was damaged behind its
/// back without a panic; a panic is reported as the damage that caused it.
pub(super) fn guarded<T>(operation: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    // A handle that was in use during a panic is dropped and never used again: see `ReopeningDb`.
    catch_unwind(AssertUnwindSafe(operation)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Err(Fault::Panicked(text.unwrap_or("no message").to_owned()))
    })
}
