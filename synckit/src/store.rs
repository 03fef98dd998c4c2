//! Stores: where events live.
//!
//! A store keeps, for each space, a log of blocks, the branches that say exactly which commits the
//! log holds, the cursors that say how far peers' logs have been followed, and a checkpoint of
//! materialized aggregate states. There is one way to write, [`EventStore::commit`], and it is
//! atomic and durable.
//!
//! [`EventStore`] is the same for every back end, which only keeps [`Rows`]: sorted tables of byte
//! strings. In here:
//! - `rows`: the seam that a back end implements;
//! - `encoding`, `enrolled`, `seal`, `identity`: what stands in rows, byte for byte;
//! - `view`: which rows answer a question, and what they say;
//! - `ledger`, `locate`, `space`: admission, and what is remembered of spaces;
//! - `queue`, `watch`, `tail`, `ahead`, `cursors`, `acks`: group commit, waking readers, and what is known
//!   without reading rows;
//! - `left`, `rewrite`, `report`: what was read out of a damaged file, and waits for what it follows;
//! - `memory`, `redb`: back ends.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::failure::{Failure, failure};
use crate::filter::Filter;
use crate::id::{AggregateId, Position, ReplicaId, SpaceId};
use crate::log::{Cap, Cursor, Hidden, LogBlock, Refusal, Witness};

mod acks;
mod ahead;
mod cursors;
mod encoding;
mod enrolled;
mod event_store;
mod identity;
mod ledger;
mod left;
mod locate;
mod memory;
mod parts;
#[cfg(feature = "testing")]
mod prune;
mod queue;
#[cfg(feature = "redb")]
mod redb;
mod refusals;
mod remembered;
mod report;
mod rewrite;
mod rows;
mod seal;
mod shown;
mod space;
mod tail;
mod view;
mod watch;

pub use crate::log::Append;
pub use acks::Acknowledged;
pub(crate) use ahead::AheadReader;
pub(crate) use enrolled::cut;
pub use enrolled::{EnrolledReplica, Enrolment, WHO_BYTES_MAX};
pub(crate) use event_store::KnownReplica;
pub use event_store::{Claim, EventStore, SpacePolicy, StoredSpace};
#[cfg(feature = "testing")]
pub use identity::ENTROPY_LEN;
pub use memory::MemoryRows;
#[cfg(feature = "testing")]
pub(crate) use prune::sealed_value;
#[cfg(feature = "redb")]
pub use redb::RedbOptions;
#[cfg(all(feature = "redb", feature = "testing"))]
pub use redb::{FileMarks, Medium, OpeningId};
pub use report::{EventRange, SalvageReport, SalvagedSpace};
pub use rows::{Change, Guard, KeyRange, Read, Row, Rows, Table, WriteSet};

/// Most rows that one listing returns.
pub const LIST_ROWS_MAX: usize = 4_096;
/// Most blocks that are read to find what an author wrote before a commit.
pub const LOOK_BACK_BLOCKS_MAX: usize = 64;
/// Most texts that tell types of events, of one space.
pub const TYPES_MAX: usize = 64;
/// Most bytes of new blocks that one batch carries.
pub const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything that one transaction writes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Batch {
    /// The space it belongs to.
    pub space: SpaceId,
    /// Blocks to append, in this order.
    pub append: Vec<Append>,
    /// The cursor in a peer's log that holds once the blocks above are appended.
    pub cursor: Option<(ReplicaId, Cursor)>,
    /// Materialized states.
    pub checkpoint: Option<Checkpoint>,
    /// Word about commits that the store's filter hides, which the blocks follow or refer to.
    pub hidden: Hidden,
    /// The filter by which the space is held from here on.
    pub(crate) filter: Option<Filter>,
    /// The bound to the branches of one author, at a hub that closes keys.
    pub(crate) cap: Option<Cap>,
}

impl Batch {
    /// A batch that writes nothing yet.
    pub const fn new(space: SpaceId) -> Self {
        Self {
            space,
            append: Vec::new(),
            hidden: Hidden { bridges: Vec::new(), forks: Vec::new(), witness: Witness::Whole },
            cursor: None,
            checkpoint: None,
            filter: None,
            cap: None,
        }
    }
}

/// Materialized states and the position that they reflect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The position and fingerprint.
    pub mark: CheckpointMark,
    /// True if all states stored before are discarded first.
    pub replaces_all: bool,
    /// States that differ from those stored.
    pub states: Vec<(AggregateId, Bytes)>,
    /// Of these states, those that have open conflicts, and those that may have had some when they
    /// were stored before and have none.
    pub conflicted: Vec<(AggregateId, bool)>,
    /// Events that the states are folded without, by their position in the log: those that are not
    /// stored as such yet.
    pub parked: Vec<Position>,
}

impl Checkpoint {
    /// States on top of those stored before.
    pub const fn new(mark: CheckpointMark, states: Vec<(AggregateId, Bytes)>) -> Self {
        Self { mark, replaces_all: false, states, conflicted: Vec::new(), parked: Vec::new() }
    }
}

/// Point of the log that a checkpoint reflects.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CheckpointMark {
    /// All events up to here are folded in.
    pub position: Position,
    /// The fingerprint of the schemas and merge rules that folded them.
    pub fingerprint: [u8; 32],
    /// The number of identities in merging that were known to begin past forks when they were folded. A
    /// further one makes other states.
    pub forks: u32,
    /// Rulings of hubs in the log up to here were known when they were folded: at least those up to
    /// `position`.
    pub ruled: Position,
    /// The number of open conflicts in the states.
    pub conflicts: u64,
    /// The number of deleted aggregates among the states.
    pub deleted: u64,
    /// The number of events that the states are folded without.
    pub parked: u64,
}

impl CheckpointMark {
    /// Folded up to a position, by these schemas and rules, with so many identities past forks known.
    pub const fn new(position: Position, fingerprint: [u8; 32], forks: u32) -> Self {
        Self { position, fingerprint, forks, ruled: position, conflicts: 0, deleted: 0, parked: 0 }
    }
}

/// Result of a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Committed {
    /// The number of events in the space's log after it.
    pub head: Position,
    /// The number of events appended; those held already do not count.
    pub appended: u64,
    /// The blocks that it appended, in their places.
    pub blocks: Vec<LogBlock>,
}

/// Failure of a store.
pub struct StoreError(pub(crate) Box<Failure<StoreErrorKind>>);

failure!(StoreError, StoreErrorKind, pub);

impl StoreError {
    /// The same error with another description of what was attempted.
    #[must_use]
    pub fn attempting(mut self, attempted: impl Into<String>) -> Self {
        self.0.attempted = attempted.into();
        self
    }

    /// An error that several callers are told of.
    pub(crate) fn shared(error: Arc<Self>) -> Self {
        let kind = error.kind().clone();
        Self::new(error.0.attempted.clone(), kind).caused_by(SharedCause(error))
    }
}

/// The cause of an error that several callers are told of.
#[derive(Debug)]
struct SharedCause(Arc<StoreError>);

impl fmt::Display for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.0.source() {
            Some(source) => write!(f, "{source}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl std::error::Error for SharedCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.0.source().and_then(|source| source.source())
    }
}

/// Kind of a store's failure, and whose move it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The batch is larger than a store takes. Split it.
    #[error("the batch is larger than {BATCH_BYTES_MAX} bytes; split it")]
    BatchTooLarge,
    /// Another replica of this process writes the space. Use that one, or close it first.
    #[error("another replica of this process writes this space; use that one, or close it first")]
    Claimed,
    /// The store was closed. Open it again.
    #[error("the store is closed; open it again")]
    Closed,
    /// Other processes wrote at the same time, again and again. Retry.
    #[error("other processes wrote at the same time; try again")]
    Contended,
    /// The stored bytes are damaged. Salvage the file: see [`ReplicaBuilder::salvage`] and
    /// `EventStore::salvage`.
    ///
    /// [`ReplicaBuilder::salvage`]: crate::replica::ReplicaBuilder::salvage
    #[error("what is stored is damaged; open it with `salvage(true)` to save what can be read")]
    Corrupt,
    /// No space is left. Free some; the store recovers by itself.
    #[error("the disk is full; free some space, nothing acknowledged is lost")]
    DiskFull,
    /// The file was deleted, replaced or cut while it was open. Put it back and open it again.
    #[error(
        "the file was deleted, replaced or cut while it was open; put it back and open it again"
    )]
    Gone,
    /// The system refused an operation. Retry, and look at the cause.
    #[error("the system refused; see the cause")]
    Io,
    /// Another process has the store open. Close it there, or open another file.
    #[error("another process has it open; close it there or choose another file")]
    Locked,
    /// A later version of synckit wrote it. Upgrade this program.
    #[error("it has format {found}, this program reads up to {known}; upgrade this program")]
    NewerFormat {
        /// The format's number.
        found: u32,
        /// The highest number that this version reads.
        known: u32,
    },
    /// Not a store of synckit's. Choose another file.
    #[error("it is not a synckit store; choose another file or remove it")]
    NotAStore,
    /// This process has the store open already. Share that one.
    #[error("this process has it open already; share that store with `EventStore::share`")]
    OpenHere,
    /// The store is open for reading only. Open it with [`EventStore::open`] to write.
    #[error("it is open for reading only; open it with `EventStore::open` to write")]
    ReadOnly,
    /// The system gives no random numbers, which a store's key needs. Try again once it does.
    #[error("the system gives no random numbers; try again once it does")]
    Randomness,
    /// The log's rules refuse the events.
    #[error("{0}")]
    Refused(Refusal),
    /// Something to be written has no encoding within the limits; nothing was written, and what is
    /// stored is sound. Fix the value that the cause names.
    #[error("it cannot be encoded; what is stored is sound, fix the value that the cause names")]
    Unencodable,
    /// Events that a hub passed on while it wrote them could not be written. The peer holds them, and resumes from what
    /// is written.
    #[error("what was passed on could not be written; the peer resumes from what is")]
    Withdrawn,
}

impl StoreErrorKind {
    /// The kind's code; see [the table](crate::docs::errors).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BatchTooLarge => "store.batch_too_large",
            Self::Claimed => "store.claimed",
            Self::Closed => "store.closed",
            Self::Contended => "store.contended",
            Self::Corrupt => "store.corrupt",
            Self::DiskFull => "store.disk_full",
            Self::Gone => "store.gone",
            Self::Io => "store.io",
            Self::Locked => "store.locked",
            Self::NewerFormat { .. } => "store.newer_format",
            Self::NotAStore => "store.not_a_store",
            Self::OpenHere => "store.open_here",
            Self::Randomness => "store.randomness",
            Self::ReadOnly => "store.read_only",
            Self::Refused(Refusal::Missing { .. }) => "store.missing",
            Self::Refused(Refusal::Unrefused { .. }) => "store.unrefused",
            Self::Refused(_) => "store.refused",
            Self::Unencodable => "store.unencodable",
            Self::Withdrawn => "store.withdrawn",
        }
    }

    /// True if the same call may succeed later without a change to this program, to what it was
    /// given, or to its files.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Claimed
            | Self::Contended
            | Self::DiskFull
            | Self::Io
            | Self::Locked
            | Self::OpenHere
            | Self::Randomness
            | Self::Withdrawn => true,
            // What is missing may have come from elsewhere by then.
            Self::Refused(refusal) => refusal.too_early().is_some(),
            Self::BatchTooLarge
            | Self::Closed
            | Self::Corrupt
            | Self::Gone
            | Self::NewerFormat { .. }
            | Self::NotAStore
            | Self::ReadOnly
            | Self::Unencodable => false,
        }
    }
}
