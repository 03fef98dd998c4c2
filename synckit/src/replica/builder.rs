//! Saying what a replica is to be.

use std::sync::Arc;

use super::Replica;
use crate::error::Error;
use crate::id::SpaceId;
use crate::registry::Registry;
use crate::store::{EventStore, MemoryStore};
use crate::time::WallClock;

/// Says what a replica is to be: which types, which space, which store.
#[derive(Clone, Debug, Default)]
pub struct ReplicaBuilder {
    registry: Registry,
    space: SpaceId,
    clock: WallClock,
}

impl ReplicaBuilder {
    /// The aggregates that the program knows. Events of others are kept and forwarded.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// The space that the replica holds; `default` if none is given.
    #[must_use]
    pub fn space(mut self, space: SpaceId) -> Self {
        self.space = space;
        self
    }

    /// Where the time of day is read; the system's clock if nothing is given.
    #[must_use]
    pub fn wall_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the replica over a redb file, which is created when it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened (each cause has a kind of its own), or the registry
    /// contradicts itself.
    #[cfg(feature = "redb")]
    pub async fn open(self, path: impl Into<std::path::PathBuf>) -> Result<Replica, Error> {
        let options = crate::store::RedbOptions::default();
        self.over(crate::store::open_redb(path.into(), options).await?).await
    }

    /// Opens the replica over a fresh store in memory.
    ///
    /// # Errors
    /// When the system gives no randomness, or the registry contradicts itself.
    pub async fn in_memory(self) -> Result<Replica, Error> {
        self.over(Arc::new(MemoryStore::new()?)).await
    }

    /// Opens the replica over a store.
    ///
    /// # Errors
    /// When the store cannot be read, or the registry contradicts itself.
    pub async fn over(self, store: Arc<dyn EventStore>) -> Result<Replica, Error> {
        Replica::open(store, self.space, self.registry, self.clock).await
    }
}
