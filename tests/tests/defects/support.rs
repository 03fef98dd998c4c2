//! Offices, a hub inside this process, and a store that can be made to fail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use synckit::clock::UnixMillis;
use synckit::conflict::Conflict;
use synckit::envelope::{Frontier, Head};
use synckit::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId, StoreIdentity};
use synckit::key::ReplicaKey;
use synckit::log::Page;
use synckit::store::{
    Batch, CheckpointMark, Committed, EventStore, ForkProof, MemoryStore, StoreError,
    StoreErrorKind,
};
use synckit::transport::{ChannelTransport, channel};
use synckit::{Hub, Replica, WallClock, registry, sync_aggregate};

#[sync_aggregate(name = "note")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Note {
    #[merge(lww)]
    pub(crate) title: String,
    #[merge(lww)]
    pub(crate) number: i64,
    #[merge(counter)]
    pub(crate) visits: i64,
    #[merge(set)]
    pub(crate) tags: BTreeSet<String>,
}

pub(crate) async fn office() -> Replica {
    Replica::builder().registry(registry![Note]).in_memory().await.unwrap()
}

/// An office whose clock always shows the same time.
pub(crate) async fn office_at(millis: u64) -> Replica {
    let clock = WallClock::new(move || UnixMillis::new(millis));
    Replica::builder().registry(registry![Note]).wall_clock(clock).in_memory().await.unwrap()
}

/// The way to a hub inside this process.
pub(crate) fn way_to(hub: &Hub) -> ChannelTransport {
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    transport
}

pub(crate) fn hub() -> (Hub, ChannelTransport) {
    let hub = Hub::builder().in_memory().unwrap();
    let way = way_to(&hub);
    (hub, way)
}

/// A store that fails its commits while it is told to.
#[derive(Debug)]
pub(crate) struct FailingStore {
    inner: MemoryStore,
    pub(crate) fails: Arc<AtomicBool>,
}

impl FailingStore {
    pub(crate) fn new() -> Self {
        Self { inner: MemoryStore::new().unwrap(), fails: Arc::default() }
    }
}

#[async_trait]
impl EventStore for FailingStore {
    fn identity(&self) -> StoreIdentity {
        self.inner.identity()
    }

    fn key(&self) -> &ReplicaKey {
        self.inner.key()
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::new("append events", StoreErrorKind::DiskFull));
        }
        self.inner.commit(batch).await
    }

    async fn read_after(&self, space: &SpaceId, after: Position) -> Result<Page, StoreError> {
        self.inner.read_after(space, after).await
    }

    async fn read_replica(
        &self,
        space: &SpaceId,
        replica: &ReplicaId,
        from_seq: u64,
    ) -> Result<Page, StoreError> {
        self.inner.read_replica(space, replica, from_seq).await
    }

    async fn read_aggregate(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        after: Position,
    ) -> Result<Page, StoreError> {
        self.inner.read_aggregate(space, aggregate, after).await
    }

    async fn head(&self, space: &SpaceId) -> Result<Position, StoreError> {
        self.inner.head(space).await
    }

    async fn moved(&self, space: &SpaceId, past: Position) -> Result<Position, StoreError> {
        self.inner.moved(space, past).await
    }

    async fn frontier(&self, space: &SpaceId) -> Result<Frontier, StoreError> {
        self.inner.frontier(space).await
    }

    async fn replica_head(&self, space: &SpaceId, replica: &ReplicaId) -> Result<Head, StoreError> {
        self.inner.replica_head(space, replica).await
    }

    async fn cursor(
        &self,
        space: &SpaceId,
        peer: &StoreIdentity,
    ) -> Result<Option<Position>, StoreError> {
        self.inner.cursor(space, peer).await
    }

    async fn checkpoint(&self, space: &SpaceId) -> Result<Option<CheckpointMark>, StoreError> {
        self.inner.checkpoint(space).await
    }

    async fn state(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
    ) -> Result<Option<Bytes>, StoreError> {
        self.inner.state(space, aggregate).await
    }

    async fn states(
        &self,
        space: &SpaceId,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, StoreError> {
        self.inner.states(space, kind, after, limit).await
    }

    async fn conflicts(&self, space: &SpaceId, skip: u64) -> Result<Vec<Conflict>, StoreError> {
        self.inner.conflicts(space, skip).await
    }

    async fn forks(&self, space: &SpaceId) -> Result<Vec<ForkProof>, StoreError> {
        self.inner.forks(space).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
