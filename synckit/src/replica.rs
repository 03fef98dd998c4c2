//! The replica: where an application edits, reads and watches its aggregates, online or not.

mod builder;
mod conflicts;
mod edit;
mod engine;
mod events;
mod explain;
mod filters;
mod history;
mod link;
mod measure;
mod once;
mod options;
mod pace;
mod parked;
mod peers;
mod pending;
mod rejected;
mod sync;
mod transaction;
mod undo;
mod watchers;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use crate::replica_core::COMMIT_EVENTS_MAX;
pub use builder::ReplicaBuilder;
pub use conflicts::{Conflict, ConflictWatch, ConflictingWrite};
pub use edit::Edited;
pub use events::{REPLICA_EVENTS_MAX, ReplicaEvent, ReplicaEvents};
pub use explain::{Contribution, EXPLAINED_EVENTS_MAX, Explained, Explanation};
pub use history::{AsOf, HistoryEvent};
pub use link::{Link, LinkState, LinkStatus};
pub use options::{LinkOptions, Rhythm, SyncOptions};
pub use pace::Pace;
pub(crate) use pace::telling;
pub use parked::Parked;
pub use pending::{PeerStatus, PendingWatch, Reach};
pub use rejected::{Rejected, RejectedScope, Rejections};
pub(crate) use sync::left_early;
pub use sync::{SyncReport, SyncTrouble};
pub use transaction::{TRANSACTION_AGGREGATES_MAX, Transaction};
pub use undo::{NotUndone, NotUndoneReason, Undo};

use crate::aggregate::{Aggregate, Id};
use crate::branch::Fork;
use crate::error::{Error, ErrorKind};
use crate::filter::{Filter, Predicates};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId, SpaceId};
use crate::lease::{Lease, OpenedBy};
use crate::platform;
use crate::policy::PolicyId;
use crate::registry::{Registry, State, StateHasher};
use crate::replica_core::{Census, CoreParts, Input, ReplicaCore, Stored};
use crate::schema::TypesText;
use crate::store::{CheckpointMark, EventStore, LIST_ROWS_MAX};
use engine::{Engine, Shared};
use peers::Peers;
use watchers::WatchedChanges;

/// A replica of one space: typed aggregates over a store of its own.
///
/// Cloning gives another handle to the same replica. Everything works without a connection; what
/// was written offline is sent when a connection is there. When the last handle is dropped, the
/// replica ends; whatever was acknowledged is durable all the same. [`Replica::close`] also stores
/// the folded states, which makes the next opening quicker, and releases the file.
#[derive(Clone)]
pub struct Replica {
    running: Arc<Running>,
    registry: Arc<Registry>,
    /// The types that it tells its peers.
    types: Option<TypesText>,
    policy: Option<PolicyId>,
    /// The part of the space that it holds; none for all of it.
    filter: Option<Arc<Filter>>,
    predicates: Predicates,
    peers: Peers,
}

/// A running replica; dropping the last handle ends it.
#[derive(Debug)]
struct Running(Arc<Shared>);

impl Deref for Running {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The status of a replica.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Events that its log holds.
    pub events: Position,
    /// Events of its own.
    pub own_events: u64,
    /// Replicas that wrote them.
    pub replicas: usize,
    /// Own events that no peer has acknowledged: see [`Replica::pending`].
    pub pending: u64,
    /// Open conflicts: [`Replica::all_conflicts`] lists them.
    pub conflicts: u64,
    /// Aggregates that are deleted. [`Replica::list`] leaves them out.
    pub deleted: u64,
    /// Events that this program does not know, or whose application's code panicked. They are kept and
    /// forwarded; [`Replica::parked`] lists them.
    pub parked: u64,
    /// The keys under which two stores have written: a file was copied, or restored from a copy.
    /// Both branches are kept and merged, and the copy has taken a key of its own; nothing need be
    /// done.
    pub forks: Vec<Fork>,
    /// The number of keys that its store wrote under before: how often it was found to be a copy, or
    /// to have been copied, restored or moved, or forgot a space to fetch it again. Events written under them count as
    /// another's.
    pub earlier_keys: u32,
}

impl Replica {
    /// Says what a replica is to be, and opens it.
    pub fn builder() -> ReplicaBuilder {
        ReplicaBuilder::default()
    }

    async fn open(
        store: Arc<EventStore>,
        opened_by: OpenedBy,
        asked: ReplicaBuilder,
    ) -> Result<Self, Error> {
        let ReplicaBuilder { registry, space, clock, filter, predicates, refetch, traces, .. } =
            asked;
        let attempted = format!("open a replica of space `{space}`");
        let invalid = |error| Error::new(attempted.clone(), ErrorKind::Registry(error));
        registry.check().map_err(invalid)?;
        let lease = Lease::of_space(Arc::clone(&store), opened_by, &space);
        let taken = |_| Error::new(attempted.clone(), ErrorKind::SpaceInUse);
        let lease = lease.map_err(taken)?;

        let filter = filters::resolve(&space, filter, &predicates)?;
        filters::hold(&store, &space, filter.as_ref(), refetch).await?;
        let fingerprint = filters::fingerprint(&registry, filter.as_ref());
        let mark = store.checkpoint(&space).await?;
        let usable = mark.filter(|mark| mark.fingerprint == fingerprint);
        let stored = match usable {
            Some(CheckpointMark { position, forks, ruled, conflicts, deleted, parked, .. }) => {
                let rulings = store.rulings(&space, ruled).await?;
                let census = Census { conflicts, deleted, parked };
                Some(Stored { position, forks, ruled, rulings, census })
            }
            None => None,
        };
        let (types, policy) = (registry.types(), registry.policy_id());
        if let Some(types) = &types
            && let Err(error) = store.keep_types(&space, types).await
        {
            // Such as a full disk: what is held can be read all the same.
            tracing::warn!(%error, %space, "the types of events could not be kept with them");
        }
        if let Some(policy) = &policy {
            let kept = store.keep_policy(&space, policy, store.key().id()).await;
            if let Err(error) = kept {
                tracing::warn!(%error, %space, "the policy could not be kept for hubs over this store");
            }
        }
        let nonce = platform::random().map(u64::from_le_bytes);
        let nonce = nonce.map_err(|error| Error::randomness(&attempted, error))?;
        let (key, known) = (store.key(), registry.clone());
        let parts = CoreParts { registry: known, filter: filter.clone(), stored };
        let core = ReplicaCore::new(space.clone(), key, nonce, parts);
        let shared = Arc::new(Shared::new(store, space, (clock, traces), core));
        platform::spawn(Engine::new(Arc::clone(&shared), fingerprint).run(lease));
        let running = Arc::new(Running(shared));
        let (registry, filter) = (Arc::new(registry), filter.map(Arc::new));
        let peers = Peers::default();
        let replica = Self { running, registry, types, policy, filter, predicates, peers };
        replica.catch_up().await?;
        Ok(replica)
    }

    /// The replica's id: the public key that it writes under. Changes when the store finds that it is a
    /// copy, or was restored or moved: see [`EventStore::key`].
    pub fn id(&self) -> ReplicaId {
        self.running.store.key().id()
    }

    /// The space that it holds.
    pub fn space(&self) -> &SpaceId {
        &self.running.space
    }

    /// The part of the space that it holds; `None` for all of it.
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_deref()
    }

    /// The store below it.
    pub fn store(&self) -> &Arc<EventStore> {
        &self.running.store
    }

    /// The aggregate as this replica sees it; `None` when no event of it is held, and when it is
    /// deleted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get<A: Aggregate>(&self, id: &Id<A>) -> Result<Option<A>, Error> {
        Ok(self.look(id).await?.there())
    }

    /// True when the aggregate was there and is deleted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_deleted<A: Aggregate>(&self, id: &Id<A>) -> Result<bool, Error> {
        Ok(matches!(self.look(id).await?, Presence::Deleted))
    }

    async fn look<A: Aggregate>(&self, id: &Id<A>) -> Result<Presence<A>, Error> {
        self.check_open("read an aggregate")?;
        self.replayed().await?;
        let aggregate = self.held_id(id)?;
        Ok(self.read_state(&aggregate, Presence::of).await?.unwrap_or(Presence::Absent))
    }

    /// Aggregates of a type that are there, ascending by key, after a key; at most `limit` and never
    /// more than [`LIST_ROWS_MAX`].
    ///
    /// To go through all of them, pass the last key of one page for the next until a page is empty.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list<A: Aggregate>(
        &self,
        after: Option<&Id<A>>,
        limit: usize,
    ) -> Result<Vec<(Id<A>, A)>, Error> {
        self.check_open("list aggregates")?;
        self.replayed().await?;
        let kind = self.kind_of::<A>()?;
        let limit = limit.min(LIST_ROWS_MAX);
        let mut after = after.map(|id| id.key().clone());
        let mut list = Vec::new();
        // A page may be of deleted ones only.
        while list.len() < limit {
            let states = self.states(&kind, after.as_ref(), limit, |state| Presence::of(state));
            let states = states.await?;
            let Some((last, _)) = states.last() else { break };
            after = Some(last.clone());
            for (key, state) in states {
                let presence = match state {
                    Listed::Cached(presence) => presence,
                    Listed::Stored(bytes) => Presence::of(self.stored(&kind, &bytes)?.as_ref()),
                };
                list.extend(presence.there().map(|aggregate| (Id::new(key), aggregate)));
            }
        }
        list.truncate(limit);
        Ok(list)
    }

    /// Watches an aggregate.
    ///
    /// # Errors
    /// [`ErrorKind::Registry`] when the type is not registered, [`ErrorKind::Closed`] once the
    /// replica is closed.
    pub fn watch<A: Aggregate>(&self, id: &Id<A>) -> Result<Watch<A>, Error> {
        let aggregate = self.held_id(id)?;
        let closed = || Error::new("watch an aggregate", ErrorKind::Closed);
        let changes = self.running.watchers.subscribe(&aggregate).ok_or_else(closed)?;
        Ok(Watch { replica: self.clone(), id: id.clone(), changes })
    }

    /// A hash over the states of all aggregates of the types registered here, caught up with the
    /// log: replicas that hold the same events and register the same types have the same hash.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn state_hash(&self) -> Result<[u8; 32], Error> {
        self.hash_states(|_| true).await
    }

    /// A hash over the states of some aggregates, caught up with the log.
    pub(crate) async fn hash_states(
        &self,
        counts: impl Fn(&AggregateId) -> bool + Send + Sync,
    ) -> Result<[u8; 32], Error> {
        self.catch_up().await?;
        let mut hasher = StateHasher::new();
        for kind in self.registry.names() {
            let mut after: Option<Key> = None;
            loop {
                let bytes = |state: &dyn State| state.bytes();
                let page = self.states(&kind, after.as_ref(), LIST_ROWS_MAX, bytes).await?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (key, state) in page {
                    let bytes = match state {
                        Listed::Cached(bytes) => {
                            bytes.map_err(|error| Error::invalid("hash states", error))?
                        }
                        Listed::Stored(bytes) => bytes,
                    };
                    let aggregate = AggregateId { kind: kind.clone(), key };
                    if counts(&aggregate) {
                        hasher.add(&aggregate, &bytes);
                    }
                }
            }
        }
        Ok(hasher.finish())
    }

    /// Reads the replica's status.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn status(&self) -> Result<ReplicaStatus, Error> {
        self.check_open("read the status")?;
        let (store, space) = (&self.running.store, &self.running.space);
        let tally = self.running.core().tally();
        let branches = store.branches(space).await?;
        let own = branches.of(&self.id()).iter().filter_map(|no| branches.get(*no));
        Ok(ReplicaStatus {
            events: store.head(space).await?,
            own_events: own.map(|branch| branch.head.seq).max().unwrap_or(0),
            pending: self.pending().await?,
            replicas: branches.authors().len(),
            forks: branches.forks(),
            earlier_keys: store.earlier_keys(),
            conflicts: tally.census.conflicts,
            deleted: tally.census.deleted,
            parked: tally.census.parked,
        })
    }

    /// Stores what is folded in memory, so that the next opening need not replay it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        self.running.ask("store states", Input::Checkpoint).await
    }

    /// Ends links, stores what is folded, and releases the store. Other handles then get
    /// [`ErrorKind::Closed`].
    ///
    /// # Errors
    /// When the end could not be written; everything acknowledged is safe all the same.
    pub async fn close(self) -> Result<(), Error> {
        self.peers.end_all().await;
        self.running.watchers.close();
        self.running.ask("close the replica", |ticket| Input::Close(Some(ticket))).await
    }

    /// Waits until reads show everything that the log holds by now: what a session has committed is
    /// folded a moment later. [`Replica::sync_once`] has done so when it returns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn catch_up(&self) -> Result<(), Error> {
        self.check_open("fold the log")?;
        let head = self.running.store.head(&self.running.space).await?;
        if self.running.core().folded() >= head {
            return Ok(());
        }
        self.running.ask("fold the log", |ticket| Input::CatchUp(ticket, head)).await
    }

    /// Reads the state of an aggregate; `None` when no event of it is held.
    async fn read_state<T>(
        &self,
        aggregate: &AggregateId,
        read: impl Fn(&dyn State) -> T,
    ) -> Result<Option<T>, Error> {
        let (reads_store, evictions) = {
            let core = self.running.core();
            if let Some(state) = core.state(aggregate) {
                return Ok(Some(read(state)));
            }
            (core.reads_store(), core.evictions())
        };
        if !reads_store {
            return Ok(None);
        }
        let stored = self.running.store.state(&self.running.space, aggregate).await?;
        let Some(bytes) = stored else { return Ok(None) };
        let state = self.stored(&aggregate.kind, &bytes)?;
        let value = read(state.as_ref());
        self.running.core_mut().remember(aggregate.clone(), state, bytes.len(), evictions);
        Ok(Some(value))
    }

    /// States of a type after a key: those in memory stand for those stored.
    async fn states<T>(
        &self,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
        read: impl Fn(&dyn State) -> T,
    ) -> Result<Vec<(Key, Listed<T>)>, Error> {
        loop {
            let (reads_store, evictions) = {
                let core = self.running.core();
                (core.reads_store(), core.evictions())
            };
            let stored = if reads_store {
                self.running.store.states(&self.running.space, kind, after, limit).await?
            } else {
                Vec::new()
            };
            let core = self.running.core();
            // What was in memory before the store was read is either stored there or here still.
            if core.evictions() == evictions {
                return Ok(merged(stored, core.listed(kind, after), limit, read));
            }
        }
    }

    fn kind_of<A: Aggregate>(&self) -> Result<Name, Error> {
        self.registry.name_of::<A>().map_err(|error| {
            let attempted = format!("use aggregates of type `{}`", A::NAME);
            Error::new(attempted, ErrorKind::Registry(error))
        })
    }

    fn aggregate_id<A: Aggregate>(&self, id: &Id<A>) -> Result<AggregateId, Error> {
        Ok(AggregateId { kind: self.kind_of::<A>()?, key: id.key().clone() })
    }

    /// Waits while the log is replayed from its beginning, because a fork was found.
    async fn replayed(&self) -> Result<(), Error> {
        let replays = self.running.core().replays();
        match replays {
            Some(position) => {
                self.running.ask("fold the log", |ticket| Input::CatchUp(ticket, position)).await
            }
            None => Ok(()),
        }
    }

    /// Refuses what is asked of a replica that was closed.
    fn check_open(&self, attempted: &str) -> Result<(), Error> {
        if self.running.watchers.are_closed() {
            return Err(Error::new(attempted, ErrorKind::Closed));
        }
        Ok(())
    }

    /// A state as it was stored.
    fn stored(&self, kind: &Name, bytes: &[u8]) -> Result<Box<dyn State>, Error> {
        let corrupt = |error| {
            crate::store::StoreError::new("read a state", crate::store::StoreErrorKind::Corrupt)
                .caused_by(error)
        };
        Ok(self.registry.read(kind, bytes).map_err(corrupt)?)
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("id", &self.id())
            .field("space", self.space())
            .finish_non_exhaustive()
    }
}

/// Sees every state of an aggregate that is there when it looks.
#[derive(Debug)]
pub struct Watch<A> {
    replica: Replica,
    id: Id<A>,
    changes: WatchedChanges,
}

impl<A: Aggregate> Watch<A> {
    /// The aggregate as it is, the first time; after that, as it is once it has changed since the
    /// last call; `None` when it is deleted. Waits while it has never been there. Changes that come faster than they are looked
    /// at are seen as one. Cancellation-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] once the replica is closed, or when the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<A>, Error> {
        let closed = |_| Error::new("watch an aggregate", ErrorKind::Closed);
        loop {
            self.changes.due().await.map_err(closed)?;
            let presence = self.replica.look(&self.id).await?;
            self.changes.shown();
            if !matches!(presence, Presence::Absent) {
                return Ok(presence.there());
            }
        }
    }
}

enum Listed<T> {
    Cached(T),
    Stored(bytes::Bytes),
}

/// The first `limit` rows: those in memory stand for those stored.
fn merged<'a, T>(
    stored: Vec<(Key, bytes::Bytes)>,
    in_memory: impl Iterator<Item = (&'a AggregateId, &'a dyn State)>,
    limit: usize,
    read: impl Fn(&dyn State) -> T,
) -> Vec<(Key, Listed<T>)> {
    // A full page says nothing about what is stored beyond it; a page that is not full holds all
    // there is, and any state in memory may belong among it.
    let end = stored.last().filter(|_| stored.len() == limit).map(|(key, _)| key.clone());
    let stored = stored.into_iter().map(|(key, bytes)| (key, Listed::Stored(bytes)));
    let mut rows: BTreeMap<_, _> = stored.collect();
    let in_memory = in_memory.take_while(|(id, _)| end.as_ref().is_none_or(|end| id.key <= *end));
    rows.extend(in_memory.map(|(id, state)| (id.key.clone(), Listed::Cached(read(state)))));
    rows.into_iter().take(limit).collect()
}

/// The aggregate of a state.
enum Presence<A> {
    /// No event was folded into it.
    Absent,
    Deleted,
    There(A),
}

impl<A: Aggregate> Presence<A> {
    fn of(state: &dyn State) -> Self {
        if state.is_fresh() {
            Self::Absent
        } else if state.fields().is_deleted() {
            Self::Deleted
        } else {
            Self::There(state.fields().show())
        }
    }

    fn there(self) -> Option<A> {
        match self {
            Self::There(aggregate) => Some(aggregate),
            Self::Absent | Self::Deleted => None,
        }
    }
}
