//! Saying what a replica is to be.

use std::sync::Arc;

use super::Replica;
use crate::error::Error;
use crate::filter::{Filter, Predicates};
use crate::id::SpaceId;
use crate::lease::OpenedBy;
use crate::platform::WallClock;
use crate::registry::Registry;
use crate::store::EventStore;
use crate::traces::{TraceContext, Traces};

/// Says what a replica is to be: which types, which space, which store.
#[derive(Clone, Debug, Default)]
pub struct ReplicaBuilder {
    pub(super) registry: Registry,
    pub(super) space: SpaceId,
    pub(super) clock: WallClock,
    pub(super) filter: Option<Filter>,
    pub(super) predicates: Predicates,
    pub(super) refetch: bool,
    pub(super) traces: Traces,
    salvage: bool,
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

    /// Holds a part of the space only: the aggregates that a filter names, and what was written here.
    /// Peers send no more than that, and commits that changed such an aggregate beside others.
    ///
    /// Opened with a narrower filter, the replica shows less, and its log keeps what it holds. One that held all of the
    /// space is refused while work of others that it carries may be held nowhere else
    /// ([`ErrorKind::Unsynced`](crate::ErrorKind::Unsynced)): it would give that to nobody any more. A wider filter, or
    /// none, is refused. With [`refetch`](Self::refetch) it forgets what it holds, in both cases.
    ///
    /// A replica with a filter gives peers only what was written in it, and takes events of others from
    /// its peer on trust where their signatures are hidden with what follows: connect it to hubs that
    /// you trust.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The functions that the [filter](Self::filter) asks, and those that filters of peers may ask.
    #[must_use]
    pub fn predicates(mut self, predicates: Predicates) -> Self {
        self.predicates = predicates;
        self
    }

    /// Has opening with another filter than the one before, or with none, forget what the store holds of the space, so
    /// that the next sync fetches what the new one names from the beginning; until then the replica shows nothing. With
    /// a narrower one that makes room in the file. Refused while changes may be held nowhere else
    /// ([`ErrorKind::Unsynced`](crate::ErrorKind::Unsynced)). To be used while no hub serves the store.
    #[must_use]
    pub const fn refetch(mut self, refetch: bool) -> Self {
        self.refetch = refetch;
        self
    }

    /// Sets the source of the time of day; the system's clock by default.
    #[must_use]
    pub fn wall_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Connects edits, and what is received, to the traces of the program: see [`traces`](crate::traces).
    #[must_use]
    pub fn traces(mut self, context: impl TraceContext) -> Self {
        self.traces = Traces::of(context);
        self
    }

    /// Has [`open`](Self::open) salvage a file that is found damaged: the damaged file is kept beside
    /// it under a name that ends with `.damaged-1` (2, 3 …), and a fresh one with everything that
    /// could be read takes its place. What that was is told by
    /// [`EventStore::salvaged`](crate::store::EventStore::salvaged) of [`Replica::store`], and
    /// logged. Off unless said otherwise: opening then fails with
    /// [`StoreErrorKind::Corrupt`](crate::store::StoreErrorKind::Corrupt).
    #[must_use]
    pub const fn salvage(mut self, salvage: bool) -> Self {
        self.salvage = salvage;
        self
    }

    /// Opens the replica over a redb file, which is created when it is not there. Warns of types
    /// that are [drafts](Registry::drafts), since what they write there will be read later.
    ///
    /// # Errors
    /// When the file cannot be opened (each cause has a kind of its own), or the registry
    /// contradicts itself.
    #[cfg(feature = "redb")]
    pub async fn open(self, path: impl Into<std::path::PathBuf>) -> Result<Replica, Error> {
        let drafts: Vec<_> = self.registry.drafts().iter().map(ToString::to_string).collect();
        if !drafts.is_empty() {
            let drafts = drafts.join(", ");
            tracing::warn!(%drafts, "types without locks are written to a file; bless them first");
        }
        let options = crate::store::RedbOptions::default();
        let path = path.into();
        let store = if self.salvage {
            EventStore::open_or_salvage(&path, options).await?
        } else {
            EventStore::open_blocking(path, options).await?
        };
        self.with(Arc::new(store), OpenedBy::Builder).await
    }

    /// Opens the replica over a fresh store in memory.
    ///
    /// # Errors
    /// When the system gives no randomness, or the registry contradicts itself.
    pub async fn in_memory(self) -> Result<Replica, Error> {
        self.with(Arc::new(EventStore::in_memory()?), OpenedBy::Builder).await
    }

    /// Opens the replica over a store, which several replicas of different spaces and a hub may
    /// share. Closing the replica does not close the store.
    ///
    /// # Errors
    /// When the store cannot be read, the registry contradicts itself, or
    /// [`ErrorKind::SpaceInUse`](crate::ErrorKind::SpaceInUse) while a replica of the same space
    /// runs over the store.
    pub async fn over(self, store: Arc<EventStore>) -> Result<Replica, Error> {
        self.with(store, OpenedBy::Caller).await
    }

    async fn with(self, store: Arc<EventStore>, by: OpenedBy) -> Result<Replica, Error> {
        Replica::open(store, by, self).await
    }
}
