//! The embedded store: one redb file.
//!
//! The file's tables and bytes are described in `docs/storage.md`. In here:
//! - `medium`: where the file is, and how it comes to be there in one piece;
//! - `engine`: the open file, opened again by itself after the system refused an operation;
//! - `table`, `rows`: sealed rows and what is in them;
//! - `read`, `index`: questions, each answered from one consistent state;
//! - `write`, `writer`: admission, and the thread that commits what waits together;
//! - `fault`: what can go wrong.
//!
//! Reads run on tokio's threads for blocking work: one that finds its pages in memory takes
//! microseconds, but one that does not waits for the disk, and a page of the log is up to a
//! megabyte to check.

mod engine;
mod fault;
mod index;
mod medium;
mod read;
mod rows;
mod table;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use redb::ReadTransaction;

use self::engine::Engine;
use self::fault::Fault;
use self::medium::FileMedium;
use self::read::View;
use self::writer::Writer;
use super::watch::LogWatch;
use super::{
    BATCH_BYTES_MAX, Batch, CheckpointMark, Committed, EventStore, ForkProof, StoreError,
    StoreErrorKind,
};
use crate::conflict::Conflict;
use crate::envelope::{Frontier, Head};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId, StoreIdentity};
use crate::key::ReplicaKey;
use crate::log::Page;

#[cfg_attr(not(feature = "testing"), allow(unused_imports, reason = "a seam for tests"))]
pub use self::medium::{ENTROPY_LEN, Medium};

/// How a [`RedbStore`] treats its file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RedbOptions {
    /// Commit in two phases. Twice the waiting for the disk; in return somebody who chooses what
    /// is stored and when the power fails cannot make half a transaction pass for a whole one.
    /// For hubs, which store what strangers send.
    pub two_phase: bool,
    /// Verify the whole file at every opening, not only after it was not closed cleanly. Takes
    /// about a second for each gigabyte. Without it damage is found when what is damaged is
    /// read, and states of aggregates (of which a hub keeps none) can be missed where the
    /// file's structure is damaged.
    pub verify_on_open: bool,
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
}

impl RedbOptions {
    /// What suits a hub: two phases, no verification while nobody is served, and a larger cache.
    pub const fn hub() -> Self {
        Self { two_phase: true, verify_on_open: false, cache_bytes: 256 * 1024 * 1024 }
    }
}

/// What suits a replica.
impl Default for RedbOptions {
    fn default() -> Self {
        Self { two_phase: false, verify_on_open: true, cache_bytes: 64 * 1024 * 1024 }
    }
}

/// A store in a redb file.
///
/// The file belongs to one process at a time and must be on a local disk. It holds the replica's
/// secret key, and on Unix is readable by its owner only.
///
/// When the system refuses an operation (no space left, an unreadable sector), the call that met it
/// fails with a typed error; the file is opened again by itself when the next call arrives, and
/// nothing acknowledged is lost.
///
/// Dropping the store does what [`EventStore::close`] does, but waits for it only a few seconds and
/// tells nobody what became of it.
#[derive(Debug)]
pub struct RedbStore {
    identity: StoreIdentity,
    key: ReplicaKey,
    engine: Arc<Engine>,
    watch: Arc<LogWatch>,
    writer: Writer,
}

impl RedbStore {
    /// Opens the store in the file at `path`, making it when there is none.
    ///
    /// A crash while it is made leaves no store or a whole one. Blocks while the file is read: in
    /// asynchronous code call it before the first request is served, or in
    /// `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// - [`StoreErrorKind::Io`] when the folder is missing or may not be written, with the cause;
    /// - [`StoreErrorKind::Locked`] when another process, or this one, has it open;
    /// - [`StoreErrorKind::NotAStore`] when the file is something else;
    /// - [`StoreErrorKind::NewerFormat`] when a later version wrote it;
    /// - [`StoreErrorKind::Corrupt`] when it is damaged.
    pub fn open(path: impl AsRef<Path>, options: RedbOptions) -> Result<Self, StoreError> {
        Self::open_in(Arc::new(FileMedium::new(path.as_ref())), options)
    }

    /// Opens a store on something else than a file, to try what faults do to it.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    #[cfg(feature = "testing")]
    pub fn open_on(medium: Arc<dyn Medium>, options: RedbOptions) -> Result<Self, StoreError> {
        Self::open_in(medium, options)
    }

    fn open_in(medium: Arc<dyn Medium>, options: RedbOptions) -> Result<Self, StoreError> {
        let attempted = format!("open the store {}", medium.name());
        let open = || {
            let (engine, identity) = Engine::open(medium, options)?;
            let (engine, watch) = (Arc::new(engine), Arc::new(LogWatch::new()));
            let writer = Writer::start(Arc::clone(&engine), Arc::clone(&watch))?;
            let key = ReplicaKey::from_seed(&identity.seed);
            let identity = StoreIdentity { id: identity.id, epoch: identity.epoch };
            Ok(Self { identity, key, engine, watch, writer })
        };
        open().map_err(|fault: Fault| fault.into_store_error(attempted))
    }

    async fn read<T: Send + 'static>(
        &self,
        attempted: &'static str,
        read: impl Fn(&ReadTransaction) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let engine = Arc::clone(&self.engine);
        match tokio::task::spawn_blocking(move || engine.read(read)).await {
            Ok(result) => result.map_err(|fault| fault.into_store_error(attempted)),
            // The runtime is shutting down.
            Err(error) => Err(StoreError::new(attempted, StoreErrorKind::Closed).caused_by(error)),
        }
    }

    /// Reads from a space; `read` is not called when the space is not known.
    async fn read_space<T: Default + Send + 'static>(
        &self,
        attempted: &'static str,
        space: &SpaceId,
        read: impl Fn(&View<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let space = space.clone();
        let read = move |txn: &ReadTransaction| match View::of(txn, &space)? {
            Some(view) => read(&view),
            None => Ok(T::default()),
        };
        self.read(attempted, read).await
    }

    async fn read_page(
        &self,
        attempted: &'static str,
        space: &SpaceId,
        after: Position,
        read: impl Fn(&View<'_>) -> Result<Page, Fault> + Send + 'static,
    ) -> Result<Page, StoreError> {
        let read = move |view: &View<'_>| read(view).map(Some);
        let page = self.read_space(attempted, space, read).await?;
        let empty = || Page { blocks: Vec::new(), through: after, head: Position::START };
        Ok(page.unwrap_or_else(empty))
    }
}

#[async_trait]
impl EventStore for RedbStore {
    fn identity(&self) -> StoreIdentity {
        self.identity
    }

    fn key(&self) -> &ReplicaKey {
        &self.key
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let events: usize = batch.append.iter().map(|append| append.block.len()).sum();
        let attempted = format!("append {events} events to space `{}`", batch.space);
        let bytes: usize = batch.append.iter().map(|append| append.block.bytes().len()).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(StoreError::new(attempted, StoreErrorKind::BatchTooLarge));
        }
        self.writer.commit(batch, attempted).await
    }

    async fn read_after(&self, space: &SpaceId, after: Position) -> Result<Page, StoreError> {
        self.read_page("read the log", space, after, move |view| view.page_after(after)).await
    }

    async fn read_replica(
        &self,
        space: &SpaceId,
        replica: &ReplicaId,
        from_seq: u64,
    ) -> Result<Page, StoreError> {
        let replica = *replica;
        let read = move |view: &View<'_>| view.page_of_replica(&replica, from_seq);
        self.read_page("read a replica's events", space, Position::START, read).await
    }

    async fn read_aggregate(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        after: Position,
    ) -> Result<Page, StoreError> {
        let attempted = "read an aggregate's events";
        loop {
            let of = space.clone();
            let lag = self.read(attempted, move |txn| index::lag(txn, &of)).await?;
            if lag <= index::UNINDEXED_EVENTS_MAX {
                break;
            }
            if let Err(fault) = self.writer.extend_index(space.clone()).await {
                // The index only saves time: without it the log is looked through.
                tracing::warn!(%fault, %space, "the index of aggregates was not extended");
                break;
            }
        }
        let aggregate = aggregate.clone();
        let read = move |view: &View<'_>| index::page(view, &aggregate, after);
        self.read_page(attempted, space, after, read).await
    }

    async fn head(&self, space: &SpaceId) -> Result<Position, StoreError> {
        self.read_space("read the log's head", space, |view| Ok(view.head())).await
    }

    async fn moved(&self, space: &SpaceId, past: Position) -> Result<Position, StoreError> {
        let mut moves = self.watch.subscribe(space);
        loop {
            let head = self.head(space).await?;
            if head > past {
                return Ok(head);
            }
            let closed = |_| StoreError::new("wait for the log to move", StoreErrorKind::Closed);
            moves.changed().await.map_err(closed)?;
        }
    }

    async fn frontier(&self, space: &SpaceId) -> Result<Frontier, StoreError> {
        self.read_space("read the frontier", space, |view| view.frontier()).await
    }

    async fn replica_head(&self, space: &SpaceId, replica: &ReplicaId) -> Result<Head, StoreError> {
        let replica = *replica;
        let read = move |view: &View<'_>| view.replica_head(&replica).map(Some);
        let head = self.read_space("read a replica's head", space, read).await?;
        Ok(head.unwrap_or(Head::START))
    }

    async fn cursor(
        &self,
        space: &SpaceId,
        peer: &StoreIdentity,
    ) -> Result<Option<Position>, StoreError> {
        let peer = *peer;
        self.read_space("read a cursor", space, move |view| view.cursor(&peer)).await
    }

    async fn checkpoint(&self, space: &SpaceId) -> Result<Option<CheckpointMark>, StoreError> {
        self.read_space("read the checkpoint", space, |view| Ok(view.row.mark.clone())).await
    }

    async fn state(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
    ) -> Result<Option<Bytes>, StoreError> {
        let aggregate = aggregate.clone();
        self.read_space("read a state", space, move |view| view.state(&aggregate)).await
    }

    async fn states(
        &self,
        space: &SpaceId,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let (kind, after) = (kind.clone(), after.cloned());
        let read = move |view: &View<'_>| view.states(&kind, after.as_ref(), limit);
        self.read_space("list states", space, read).await
    }

    async fn conflicts(&self, space: &SpaceId, skip: u64) -> Result<Vec<Conflict>, StoreError> {
        self.read_space("list conflicts", space, move |view| view.conflicts(skip)).await
    }

    async fn forks(&self, space: &SpaceId) -> Result<Vec<ForkProof>, StoreError> {
        self.read_space("list forks", space, |view| view.forks()).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let closed = self.writer.close().await;
        closed.map_err(|fault| fault.into_store_error("close the store"))
    }
}
