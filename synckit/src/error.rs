//! The error of replicas and hubs.

use std::time::Duration;

use crate::envelope::{METADATA_BYTES_MAX, MetadataError};
use crate::event::{DecodeError, EncodeError};
use crate::failure::{Failure, failure};
use crate::filter::{FILTER_PARTS_MAX, Filter};
use crate::id::{Dot, IdError, Name};
use crate::registry::RegistryError;
use crate::store::{StoreError, StoreErrorKind};
use crate::sync::SessionError;
use crate::transport::{TransportError, TransportErrorKind};
use crate::wire::WireError;

/// The error of replicas and hubs: what was attempted, what went wrong, and whose move it is.
///
/// ```text
/// Error: open notes.redb: another process has it open; close it there or choose another file
///   caused by: Database already open. Cannot acquire lock.
/// ```
///
/// `Display` gives the first line, `{:#}` the same with the causes behind it, and `Debug` the
/// whole, which is what `fn main() -> Result<(), synckit::Error>` prints. Programs decide by
/// [`kind`](Self::kind) and [`is_retryable`](Self::is_retryable), and log the
/// [`code`](Self::code).
pub struct Error(Box<Failure<ErrorKind>>);

failure!(Error, ErrorKind, pub(crate));

/// A kind of failure: its docs say whose move it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A sync with this peer is under way already. Wait for it, or end it.
    #[error("a sync with this peer is under way already; wait for it or end it")]
    Busy,
    /// The replica or hub was closed. Open it again.
    #[error("it was closed; open it again")]
    Closed,
    /// The sync was not done by its deadline. What was acknowledged by then is kept: sync again.
    #[error("it was not done within {limit:?}; what was acknowledged is kept, sync again")]
    DeadlinePassed {
        /// The time that it was given.
        limit: Duration,
    },
    /// The aggregate is deleted. Create it again with `Replica::upsert` or `Edit::create`, if it is to
    /// be there.
    #[error("the aggregate is deleted; create it again with `upsert` or `Edit::create`")]
    Deleted,
    /// An edit cannot be stored as one commit. Make smaller edits.
    #[error("the edit does not fit into one commit ({0}); make smaller edits")]
    EditTooLarge(EditLimit),
    /// A value cannot be encoded, or an identifier is not valid. Fix the value.
    #[error("{0}")]
    Invalid(Invalid),
    /// The address to listen on cannot be used. Choose another.
    #[error("the address cannot be listened on; choose another, or end what uses it")]
    Listen,
    /// An aggregate that a transaction is about is not in memory yet. Return the error from the
    /// transaction's closure: it runs again, with the aggregate.
    #[error(
        "the aggregate is not in memory yet; return this error, and the transaction runs again"
    )]
    NotLoaded,
    /// The system gives no random numbers, which keys and sessions need. Try again once it does.
    #[error("the system gives no random numbers; try again once it does")]
    Randomness,
    /// The hub has no certificate, and other machines could reach it. Give it one.
    #[error(
        "other machines could reach it in plain text: give the hub a certificate \
         (`HubBuilder::tls`), allow plain text where something else encrypts \
         (`HubBuilder::plain_text`), or listen on 127.0.0.1"
    )]
    PlainText,
    /// The registered types contradict each other. Fix the types.
    #[error("{0}")]
    Registry(RegistryError),
    /// A session with a peer failed. The error tells whose move it is.
    #[error("{0}")]
    Session(SessionError),
    /// A replica of this space runs over the store already. Use a clone of it, or close it first.
    #[error("a replica of this space runs over this store already; clone it, or close it first")]
    SpaceInUse,
    /// The store failed. The kind tells whose move it is.
    #[error("{0}")]
    Store(StoreErrorKind),
    /// The filter names more than the store holds, or there is none and the store holds a part. Open it
    /// with the filter that it has, or refetch.
    #[error(
        "the store holds only {held} of the space, and more is asked for: open it with that filter, or \
         have it refetch the space"
    )]
    FilterWider {
        /// The part that is held.
        held: Filter,
    },
    /// A filter has 1 to [`FILTER_PARTS_MAX`] parts.
    #[error("a filter has 1 to {FILTER_PARTS_MAX} parts, not {found}")]
    FilterParts {
        /// The number of its parts.
        found: usize,
    },
    /// A part of the filter cannot be kept or sent.
    #[error(
        "`{part}` cannot be a part of a filter: an entry of metadata has a key, and no text may be longer \
         than {METADATA_BYTES_MAX} bytes"
    )]
    FilterText {
        /// The part.
        part: Filter,
    },
    /// The filter asks a function that the replica was not given. Give it to the builder.
    #[error("the filter asks the predicate `{predicate}`: give it to the builder")]
    FilterPredicate {
        /// The name of the function.
        predicate: Name,
    },
    /// The replica does not hold the aggregate: its filter does not name it.
    #[error("this replica holds only {filter}; open one with a filter that names it, or none")]
    OutsideFilter {
        /// The replica's filter.
        filter: Filter,
    },
    /// The replica holds some events of the aggregate only, and cannot edit what it has not seen.
    #[error(
        "this replica holds only some of its events ({filter}), and cannot edit what it has not seen; edit \
         it where all of it is held"
    )]
    PartOfAggregate {
        /// The replica's filter.
        filter: Filter,
    },
    /// Changes may be held nowhere else, and would be lost: open the replica with the filter that it has, and sync.
    #[error(
        "{events} changes may be held nowhere else, and would be lost: open it {}, and sync first",
        held.as_ref().map_or("without a filter".to_owned(), |held| format!("with the filter {held}"))
    )]
    Unsynced {
        /// The number of events.
        events: u64,
        /// The part that is held; `None` for all of the space.
        held: Option<Filter>,
    },
    /// The hub has no authorizer, and other machines could reach it. Give it one.
    #[error(
        "other machines could reach it and the hub has no authorizer: give it one, `AllowAll` if \
         everybody may come in, or listen on 127.0.0.1"
    )]
    Unguarded,
    /// The peer could not be reached, or was lost. The kind tells whose move it is.
    #[error("{0}")]
    Transport(TransportErrorKind),
}

impl ErrorKind {
    /// The kind's code; see [the table](crate::docs::errors).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Busy => "sync.busy",
            Self::Closed => "closed",
            Self::DeadlinePassed { .. } => "sync.deadline_passed",
            Self::Deleted => "edit.deleted",
            Self::EditTooLarge(_) => "edit.too_large",
            Self::FilterParts { .. } => "filter.parts",
            Self::FilterPredicate { .. } => "filter.predicate",
            Self::FilterText { .. } => "filter.text",
            Self::FilterWider { .. } => "filter.wider",
            Self::Invalid(_) => "value.invalid",
            Self::Listen => "hub.listen",
            Self::NotLoaded => "transaction.not_loaded",
            Self::PlainText => "hub.plain_text",
            Self::OutsideFilter { .. } => "filter.outside",
            Self::PartOfAggregate { .. } => "filter.part",
            Self::Randomness => "randomness",
            Self::Registry(_) => "registry.invalid",
            Self::Session(error) => error.code(),
            Self::SpaceInUse => "replica.space_in_use",
            Self::Store(kind) => kind.code(),
            Self::Transport(kind) => kind.code(),
            Self::Unguarded => "hub.unguarded",
            Self::Unsynced { .. } => "filter.unsynced",
        }
    }

    /// Tells that the same call may succeed later without a change to this program, to what it was
    /// given, or to its files.
    pub const fn is_retryable(&self) -> bool {
        match self {
            // Addresses become free, and entropy arrives while programs run.
            Self::Busy
            | Self::DeadlinePassed { .. }
            | Self::Listen
            | Self::NotLoaded
            | Self::Randomness
            | Self::SpaceInUse => true,
            Self::Closed
            | Self::Deleted
            | Self::EditTooLarge(_)
            | Self::FilterParts { .. }
            | Self::FilterPredicate { .. }
            | Self::FilterText { .. }
            | Self::FilterWider { .. }
            | Self::Invalid(_)
            | Self::PlainText
            | Self::OutsideFilter { .. }
            | Self::PartOfAggregate { .. }
            | Self::Registry(_)
            | Self::Unguarded
            | Self::Unsynced { .. } => false,
            Self::Session(error) => error.is_retryable(),
            Self::Store(kind) => kind.is_retryable(),
            Self::Transport(kind) => kind.is_retryable(),
        }
    }
}

/// The limit that an edit exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditLimit {
    /// Aggregates of one transaction.
    #[error("at most {0} aggregates")]
    Aggregates(usize),
    /// Bytes of the whole commit.
    #[error("at most {0} bytes")]
    CommitBytes(usize),
    /// Events of one commit.
    #[error("at most {0} events")]
    Events(usize),
    /// Bytes of one event.
    #[error("an event has at most {0} bytes")]
    PayloadBytes(usize),
}

/// The reason why a value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A value of a state cannot be encoded.
    #[error("the value cannot be encoded: {0}")]
    Encoding(#[from] WireError),
    /// An event cannot be encoded.
    #[error("{0}")]
    Event(#[from] EncodeError),
    /// It cannot be an identifier.
    #[error("{0}")]
    Id(#[from] IdError),
    /// It cannot be metadata, or an idempotency key, which travels as metadata.
    #[error("{0}")]
    Metadata(#[from] MetadataError),
    /// No such event of the aggregate is held. Sync, or name one of its history.
    #[error("no event {0} of it is held here; sync, or name one of its history")]
    NoEvent(Dot),
    /// This program cannot apply the events of its own edit.
    #[error("this program cannot apply what it writes: {0}")]
    Unreadable(#[from] DecodeError),
}

impl Error {
    /// The time that the peer asks to be left alone for, where it has said so. Links wait for so long by
    /// themselves.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            ErrorKind::Session(error) => error.retry_after(),
            _ => None,
        }
    }

    pub(crate) fn invalid(attempted: impl Into<String>, error: impl Into<Invalid>) -> Self {
        Self::new(attempted, ErrorKind::Invalid(error.into()))
    }

    pub(crate) fn session(peer: &str, error: SessionError) -> Self {
        Self::new(format!("sync with {peer}"), ErrorKind::Session(error))
    }

    pub(crate) fn randomness(attempted: &str, cause: getrandom::Error) -> Self {
        Self::new(attempted, ErrorKind::Randomness).caused_by(cause)
    }
}

/// Lets `Id::named(…)?` stand in functions that return this error.
impl From<IdError> for Error {
    fn from(error: IdError) -> Self {
        Self::invalid("make an identifier", error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self((*error.0).map(|kind| match kind {
            StoreErrorKind::Closed => ErrorKind::Closed,
            StoreErrorKind::Randomness => ErrorKind::Randomness,
            kind => ErrorKind::Store(kind),
        }))
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self((*error.0).map(ErrorKind::Transport))
    }
}

#[cfg(test)]
mod tests;
