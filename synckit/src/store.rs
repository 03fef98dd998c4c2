//! Where events live: the seam that every back end implements.
//!
//! A store keeps, for each space, a log of blocks, the frontier that says exactly which events the
//! log holds, the cursors that say how far peers' logs have been followed, and a checkpoint of
//! materialized aggregate states. There is one way to write, [`EventStore::commit`], and it is
//! atomic and durable.
//!
//! What a log admits is decided by [`log::Staging`](crate::log::Staging), the same for every back
//! end. A back end of your own passes `synckit::testing::store_contract!` (feature `testing`).

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::block::Block;
use crate::conflict::Conflict;
use crate::envelope::{Frontier, Head};
use crate::failure::{Failure, failure};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId, StoreIdentity};
use crate::key::ReplicaKey;
use crate::log::{Page, Refusal, Source};

mod memory;
mod record;
#[cfg(feature = "redb")]
mod redb;
mod watch;

pub use memory::MemoryStore;
#[cfg(all(feature = "redb", feature = "testing"))]
pub use redb::{ENTROPY_LEN, Medium};
#[cfg(feature = "redb")]
pub use redb::{RedbOptions, RedbStore};

/// Most rows that one listing returns.
pub const LIST_ROWS_MAX: usize = 4_096;
/// Most bytes of new blocks that one batch carries.
pub const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A store of events.
///
/// Methods may be called at the same time from many tasks. Dropping a returned future cancels
/// waiting, not writing: a commit that was under way may still take effect, and committing the same
/// events again is harmless.
#[async_trait]
pub trait EventStore: fmt::Debug + Send + Sync + 'static {
    /// Which incarnation of which store this is. Positions and cursors are bound to it.
    fn identity(&self) -> StoreIdentity;

    /// The key pair that was made with the store.
    fn key(&self) -> &ReplicaKey;

    /// Writes a batch: all of it or nothing. When this returns, the batch is durable: it survives a
    /// crash of the process and of the machine. Events that are held already are passed over.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] when the log's rules refuse a block; a fork is recorded before
    /// that. Any other kind leaves open whether the batch was written; committing it again
    /// settles that.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;

    /// The log after a position, in order: at least one block if there is one, then as many as fit
    /// into [`READ_BYTES_MAX`](crate::log::READ_BYTES_MAX). The first block may begin before
    /// `after`.
    ///
    /// A reader never sees a position that could later be preceded by another event.
    ///
    /// # Errors
    /// When the store cannot be read or what it holds is damaged. Damage is never returned as data.
    async fn read_after(&self, space: &SpaceId, after: Position) -> Result<Page, StoreError>;

    /// The blocks that hold a replica's events from `from_seq` on, in log order, limited as in
    /// [`EventStore::read_after`]. Blocks may hold other events too.
    ///
    /// # Errors
    /// As in [`EventStore::read_after`].
    async fn read_replica(
        &self,
        space: &SpaceId,
        replica: &ReplicaId,
        from_seq: u64,
    ) -> Result<Page, StoreError>;

    /// The blocks after a position that hold events of an aggregate, limited as in
    /// [`EventStore::read_after`]. Blocks may hold other events too.
    ///
    /// # Errors
    /// As in [`EventStore::read_after`].
    async fn read_aggregate(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        after: Position,
    ) -> Result<Page, StoreError>;

    /// How many events the log of a space holds; 0 when the space is not known.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn head(&self, space: &SpaceId) -> Result<Position, StoreError>;

    /// Waits until the log of a space holds more than `past` events, and returns how many it then
    /// holds. Cancellation-safe.
    ///
    /// # Errors
    /// When the store cannot be read or is closed.
    async fn moved(&self, space: &SpaceId, past: Position) -> Result<Position, StoreError>;

    /// Exactly which events the log of a space holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn frontier(&self, space: &SpaceId) -> Result<Frontier, StoreError>;

    /// How far one replica's events are held.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn replica_head(&self, space: &SpaceId, replica: &ReplicaId) -> Result<Head, StoreError>;

    /// How far the log of a peer's store has been followed. `None` when it never was, or when the
    /// peer's store has another epoch by now.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn cursor(
        &self,
        space: &SpaceId,
        peer: &StoreIdentity,
    ) -> Result<Option<Position>, StoreError>;

    /// The position and the schema fingerprint of the states held, if any were ever written.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn checkpoint(&self, space: &SpaceId) -> Result<Option<CheckpointMark>, StoreError>;

    /// The stored state of an aggregate.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn state(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
    ) -> Result<Option<Bytes>, StoreError>;

    /// The stored states of a type's aggregates, ascending by key, after a key; at most `limit` and
    /// never more than [`LIST_ROWS_MAX`] rows.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn states(
        &self,
        space: &SpaceId,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, StoreError>;

    /// Conflicts recorded with checkpoints, in the order in which they were met; at most
    /// [`LIST_ROWS_MAX`] after the first `skip`.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn conflicts(&self, space: &SpaceId, skip: u64) -> Result<Vec<Conflict>, StoreError>;

    /// The forks that were refused, in the order in which they were met: what was held of an
    /// author, and the block that contradicts it. A store keeps at most [`LIST_ROWS_MAX`] of
    /// them, and at most [`BATCH_BYTES_MAX`] bytes of their blocks; who forks more often has
    /// been proved to.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn forks(&self, space: &SpaceId) -> Result<Vec<ForkProof>, StoreError>;

    /// Finishes what was begun and releases the store's resources. Later calls fail with
    /// [`StoreErrorKind::Closed`].
    ///
    /// # Errors
    /// When the end could not be written; everything committed is safe all the same.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Opens a redb file without keeping the runtime's threads waiting.
#[cfg(feature = "redb")]
pub(crate) async fn open_redb(
    path: std::path::PathBuf,
    options: RedbOptions,
) -> Result<std::sync::Arc<dyn EventStore>, StoreError> {
    let attempted = format!("open {}", path.display());
    let opened = tokio::task::spawn_blocking(move || RedbStore::open(path, options)).await;
    match opened {
        Ok(store) => Ok(std::sync::Arc::new(store?)),
        Err(panicked) => Err(StoreError::new(attempted, StoreErrorKind::Io).caused_by(panicked)),
    }
}

/// Everything that one transaction writes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The space it belongs to.
    pub space: SpaceId,
    /// Blocks to append, in this order.
    pub append: Vec<Append>,
    /// How far a peer's log has been followed, now that the blocks above are appended.
    pub cursor: Option<(StoreIdentity, Position)>,
    /// Materialized states.
    pub checkpoint: Option<Checkpoint>,
}

impl Batch {
    /// A batch that writes nothing yet.
    pub const fn new(space: SpaceId) -> Self {
        Self { space, append: Vec::new(), cursor: None, checkpoint: None }
    }
}

/// A block to append and where it came from.
#[derive(Clone, Debug)]
pub struct Append {
    /// The block.
    pub block: Block,
    /// Where it came from.
    pub source: Source,
}

/// Materialized states and the position that they reflect.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The position and fingerprint.
    pub mark: CheckpointMark,
    /// Whether all states and conflicts stored before are discarded first.
    pub replaces_all: bool,
    /// States that differ from those stored.
    pub states: Vec<(AggregateId, Bytes)>,
    /// Conflicts met since the checkpoint before. One stored already (same field, same two writes)
    /// is passed over.
    pub conflicts: Vec<Conflict>,
}

/// What a checkpoint reflects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckpointMark {
    /// All events up to here are folded in.
    pub position: Position,
    /// The fingerprint of the schemas and merge rules that folded them.
    pub fingerprint: [u8; 32],
}

/// What a commit did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// How many events the space's log holds after it.
    pub head: Position,
    /// How many events it appended; those held already do not count.
    pub appended: u64,
}

/// What proves that one name was given to two events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForkProof {
    /// What was refused and why.
    pub refusal: String,
    /// The author.
    pub replica: ReplicaId,
    /// The block that was refused.
    pub block: Bytes,
}

/// Why a store did not do what it was asked.
pub struct StoreError(pub(crate) Box<Failure<StoreErrorKind>>);

failure!(StoreError, StoreErrorKind, pub);

/// What went wrong in a store, and whose move it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The batch is larger than a store takes. Split it.
    #[error("the batch is larger than {BATCH_BYTES_MAX} bytes; split it")]
    BatchTooLarge,
    /// The store was closed. Open it again.
    #[error("the store is closed; open it again")]
    Closed,
    /// What is stored is damaged. Restore the file, or sync a fresh one from a peer.
    #[error("what is stored is damaged; restore the file or sync a fresh one from a peer")]
    Corrupt,
    /// No space is left. Free some; the store recovers by itself.
    #[error("the disk is full; free some space, nothing acknowledged is lost")]
    DiskFull,
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
    /// The system gives no random numbers, which a store's key needs. Try again once it does.
    #[error("the system gives no random numbers; try again once it does")]
    Randomness,
    /// The log's rules refuse the events.
    #[error("{0}")]
    Refused(Refusal),
}

impl StoreErrorKind {
    /// The kind's code; see [the table](crate::docs::errors).
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BatchTooLarge => "store.batch_too_large",
            Self::Closed => "store.closed",
            Self::Corrupt => "store.corrupt",
            Self::DiskFull => "store.disk_full",
            Self::Io => "store.io",
            Self::Locked => "store.locked",
            Self::NewerFormat { .. } => "store.newer_format",
            Self::NotAStore => "store.not_a_store",
            Self::Randomness => "store.randomness",
            Self::Refused(_) => "store.refused",
        }
    }

    /// Whether the same call may succeed later without a change to this program, to what it was
    /// given, or to its files.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::DiskFull | Self::Io | Self::Locked | Self::Randomness => true,
            // What is missing may have come from elsewhere by then.
            Self::Refused(refusal) => matches!(refusal, Refusal::NotCausal { .. }),
            Self::BatchTooLarge
            | Self::Closed
            | Self::Corrupt
            | Self::NewerFormat { .. }
            | Self::NotAStore => false,
        }
    }
}
