//! The replica: where an application edits, reads and watches its aggregates, online or not.

mod author;
mod builder;
mod cache;
mod engine;
mod link;
mod watchers;

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

pub use author::COMMIT_EVENTS_MAX;
pub use builder::ReplicaBuilder;
pub use link::{Link, LinkState, LinkStatus, LinkTrouble, SyncReport};

use crate::aggregate::{Aggregate, Edit, Id, record};
use crate::conflict::Conflict;
use crate::envelope::Metadata;
use crate::error::{Error, ErrorKind};
use crate::event::{DecodeError, EventRef, encode};
use crate::id::{AggregateId, Dot, Key, Name, Position, ReplicaId, SpaceId};
use crate::registry::{Registry, State, StateHasher};
use crate::store::{EventStore, LIST_ROWS_MAX};
use crate::time::WallClock;
use author::Draft;
use engine::{Engine, Request, Shared};
use link::Peers;

/// A replica of one space: typed aggregates over a store of its own.
///
/// Cloning gives another handle to the same replica. Everything works without a connection; what
/// was written offline is sent when a connection is there. When the last handle is dropped, the
/// replica ends; whatever was acknowledged is durable all the same. [`Replica::close`] also stores
/// the folded states, which makes the next opening quicker, and releases the file.
#[derive(Clone)]
pub struct Replica {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    folded: watch::Receiver<Position>,
    registry: Arc<Registry>,
    clock: WallClock,
    peers: Peers,
}

/// What an edit became.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edited {
    /// How many events were made; none when the edit recorded nothing.
    pub events: usize,
    /// The last of them.
    pub last: Option<Dot>,
}

/// An event that this program cannot apply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parked {
    /// Its place in the log: pass it to [`Replica::parked`] to go on behind it.
    pub position: Position,
    /// The event.
    pub dot: Dot,
    /// What it is about.
    pub aggregate: AggregateId,
    /// Which event it is, in which version.
    pub event: EventRef,
    /// Why it is parked, and what would change that.
    pub reason: DecodeError,
}

/// How a replica stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaStatus {
    /// How many events its log holds.
    pub events: Position,
    /// How many of them are its own.
    pub own_events: u64,
    /// How many replicas wrote them.
    pub replicas: usize,
    /// Conflicts met since it was opened.
    pub conflicts: u64,
    /// Events met since it was opened that this program does not know. They are kept and
    /// forwarded; [`Replica::parked`] lists all there are.
    pub parked: u64,
}

impl Replica {
    /// Says what a replica is to be, and opens it.
    pub fn builder() -> ReplicaBuilder {
        ReplicaBuilder::default()
    }

    async fn open(
        store: Arc<dyn EventStore>,
        space: SpaceId,
        registry: Registry,
        clock: WallClock,
    ) -> Result<Self, Error> {
        registry
            .check()
            .map_err(|error| Error::new("open a replica", ErrorKind::Registry(error)))?;
        let (known, wall) = (Arc::new(registry.clone()), clock.clone());
        let engine = Engine::open(store, space, registry, clock).await?;
        let (shared, folded) = (engine.shared(), engine.folded());
        let (requests, queue) = mpsc::channel(engine::REQUESTS_MAX);
        tokio::spawn(engine.run(queue));
        Ok(Self { shared, requests, folded, registry: known, clock: wall, peers: Peers::default() })
    }

    /// Who this replica is.
    pub fn id(&self) -> ReplicaId {
        self.shared.store.key().id()
    }

    /// The space that it holds.
    pub fn space(&self) -> &SpaceId {
        &self.shared.space
    }

    /// The store below it.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.shared.store
    }

    /// Creates an aggregate under a fresh key (a UUID of version 7, which sorts by time of
    /// creation).
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn create<A: Aggregate>(&self, aggregate: &A) -> Result<Id<A>, Error> {
        let key = Key::new(uuid::Uuid::now_v7().as_bytes());
        let id = Id::new(key.map_err(|error| Error::invalid("create an aggregate", error))?);
        self.edit(&id, |edit: &mut Edit<'_, A>| {
            edit.emit(A::created());
            aggregate.create(edit);
        })
        .await?;
        Ok(id)
    }

    /// Edits an aggregate. All that `change` records becomes one commit: every replica applies it
    /// whole or not at all. An aggregate that does not exist yet begins to.
    ///
    /// Edits made at the same time by several tasks become durable together, in no particular
    /// order; an edit that is awaited before the next begins comes before it.
    ///
    /// When this returns, the edit is durable, and reads show it. Cancelling it leaves open whether
    /// the edit takes effect. An edit that records nothing writes nothing.
    ///
    /// # Errors
    /// When the store fails ([`ErrorKind::Store`]: the disk is full, say; the edit then did not
    /// take effect, unless the kind is `Io`, which leaves it open), the type is not registered
    /// ([`ErrorKind::Registry`]), or the edit is too large.
    pub async fn edit<A: Aggregate>(
        &self,
        id: &Id<A>,
        change: impl FnOnce(&mut Edit<'_, A>),
    ) -> Result<Edited, Error> {
        self.edit_with(id, &Metadata::new(), change).await
    }

    /// Edits an aggregate with metadata on every event of the edit, such as who made it.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn edit_with<A: Aggregate>(
        &self,
        id: &Id<A>,
        metadata: &Metadata,
        change: impl FnOnce(&mut Edit<'_, A>),
    ) -> Result<Edited, Error> {
        self.check_open("edit an aggregate")?;
        let aggregate = self.aggregate_id(id)?;
        let events = record(change).iter().map(encode).collect::<Result<Vec<_>, _>>();
        let events = events.map_err(|error| Error::invalid(format!("edit {aggregate}"), error))?;
        let count = events.len();
        if count == 0 {
            return Ok(Edited { events: 0, last: None });
        }
        let draft = Draft { aggregate, events, metadata: metadata.clone() };
        draft.check()?;
        let last = self.ask("edit an aggregate", |reply| Request::Edit(draft, reply)).await?;
        Ok(Edited { events: count, last: Some(last) })
    }

    /// The aggregate as this replica sees it; `None` when no event of it is held.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get<A: Aggregate>(&self, id: &Id<A>) -> Result<Option<A>, Error> {
        self.check_open("read an aggregate")?;
        let aggregate = self.aggregate_id(id)?;
        let (cached, reads_store) = {
            let cache = self.shared.cache();
            (cache.with(&aggregate, shown::<A>), cache.reads_store())
        };
        if let Some(shown) = cached {
            return Ok(shown);
        }
        let stored = match reads_store {
            true => self.shared.store.state(&self.shared.space, &aggregate).await?,
            false => None,
        };
        let Some(bytes) = stored else { return Ok(None) };
        self.shown(&aggregate.kind, &bytes)
    }

    /// Aggregates of a type, ascending by key, after a key; at most `limit` and never more than
    /// [`LIST_ROWS_MAX`].
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
        let kind = self.kind_of::<A>()?;
        let limit = limit.min(LIST_ROWS_MAX);
        let states = self.states(&kind, after.map(Id::key), limit, |state| shown::<A>(state));
        let mut list = Vec::new();
        for (key, state) in states.await? {
            let shown = match state {
                Listed::Cached(shown) => shown,
                Listed::Stored(bytes) => self.shown(&kind, &bytes)?,
            };
            list.extend(shown.map(|aggregate| (Id::new(key), aggregate)));
        }
        Ok(list)
    }

    /// Watches an aggregate.
    ///
    /// # Errors
    /// [`ErrorKind::Registry`] when the type is not registered, [`ErrorKind::Closed`] once the
    /// replica is closed.
    pub fn watch<A: Aggregate>(&self, id: &Id<A>) -> Result<Watch<A>, Error> {
        let aggregate = self.aggregate_id(id)?;
        let closed = || Error::new("watch an aggregate", ErrorKind::Closed);
        let changes = self.shared.watchers.subscribe(&aggregate).ok_or_else(closed)?;
        Ok(Watch { replica: self.clone(), id: id.clone(), changes, due: true })
    }

    /// Conflicts that merging met, in the order in which they were met, after the first `skip`; at
    /// most [`LIST_ROWS_MAX`].
    ///
    /// They are what *this* replica met: of three writes apart from each other, replicas that
    /// received them in different order record different pairs, while they agree on what holds.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn conflicts(&self, skip: u64) -> Result<Vec<Conflict>, Error> {
        self.checkpoint().await?;
        Ok(self.shared.store.conflicts(&self.shared.space, skip).await?)
    }

    /// The events after a position that this program parks, with the reason of each: at most
    /// [`LIST_ROWS_MAX`], in log order. They are kept and forwarded, and folded once a program that
    /// knows them opens the store. Reads the log from that position on.
    ///
    /// To go through all of them, pass the position of the last one until none is left.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn parked(&self, after: Position) -> Result<Vec<Parked>, Error> {
        self.check_open("list parked events")?;
        let (mut parked, mut through) = (Vec::new(), after);
        loop {
            let page = self.shared.store.read_after(self.space(), through).await?;
            if page.blocks.is_empty() {
                return Ok(parked);
            }
            for (position, entry) in page.blocks.iter().flat_map(|log| log.after(through)) {
                let Some(reason) = self.registry.parks(&entry) else { continue };
                let (dot, aggregate) = (entry.dot(), entry.aggregate().clone());
                let event = entry.event().clone();
                parked.push(Parked { position, dot, aggregate, event, reason });
                if parked.len() == LIST_ROWS_MAX {
                    return Ok(parked);
                }
            }
            through = page.through;
        }
    }

    /// A hash over the states of all aggregates of the types registered here, caught up with the
    /// log: replicas that hold the same events and register the same types have the same hash.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn state_hash(&self) -> Result<[u8; 32], Error> {
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
                    hasher.add(&AggregateId { kind: kind.clone(), key }, &bytes);
                }
            }
        }
        Ok(hasher.finish())
    }

    /// How the replica stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn status(&self) -> Result<ReplicaStatus, Error> {
        self.check_open("read the status")?;
        let (store, space) = (&self.shared.store, &self.shared.space);
        let tally = self.shared.cache().tally();
        let frontier = store.frontier(space).await?;
        Ok(ReplicaStatus {
            events: store.head(space).await?,
            own_events: frontier.head(&self.id()).seq,
            replicas: frontier.len(),
            conflicts: tally.conflicts,
            parked: tally.parked,
        })
    }

    /// Stores what is folded in memory, so that the next opening need not fold it again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        self.ask("store states", Request::Checkpoint).await
    }

    /// Ends links, stores what is folded, and releases the store. Other handles then get
    /// [`ErrorKind::Closed`].
    ///
    /// # Errors
    /// When the end could not be written; everything acknowledged is safe all the same.
    pub async fn close(self) -> Result<(), Error> {
        self.peers.end_all().await;
        self.shared.watchers.close();
        self.ask("close the replica", Request::Close).await
    }

    /// Waits until reads show everything that the log holds by now: what a session has committed is
    /// folded a moment later. [`Replica::sync_once`] has done so when it returns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn catch_up(&self) -> Result<(), Error> {
        self.check_open("fold the log")?;
        let head = self.shared.store.head(&self.shared.space).await?;
        if *self.folded.borrow() >= head {
            return Ok(());
        }
        self.ask("fold the log", |reply| Request::CatchUp(head, reply)).await
    }

    async fn ask<T>(
        &self,
        attempted: &str,
        request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let closed = || Error::new(attempted, ErrorKind::Closed);
        self.requests.send(request(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// States of a type after a key: those in memory stand for those stored.
    async fn states<T>(
        &self,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
        read: impl Fn(&dyn State) -> T,
    ) -> Result<Vec<(Key, Listed<T>)>, Error> {
        let reads_store = self.shared.cache().reads_store();
        let stored = match reads_store {
            true => self.shared.store.states(&self.shared.space, kind, after, limit).await?,
            false => Vec::new(),
        };
        // A full page says nothing about what is stored beyond it.
        let end = (stored.len() == limit).then(|| stored.last().map(|(key, _)| key.clone()));
        let mut rows: std::collections::BTreeMap<_, _> =
            stored.into_iter().map(|(key, bytes)| (key, Listed::Stored(bytes))).collect();
        let cache = self.shared.cache();
        let cached = cache.after(kind, after).take_while(|(id, _)| match &end {
            Some(Some(end)) => id.key <= *end,
            _ => true,
        });
        // Fewer than `limit` stored rows: all of them are here, and any state in memory may belong
        // among them.
        rows.extend(cached.map(|(id, state)| (id.key.clone(), Listed::Cached(read(state)))));
        Ok(rows.into_iter().take(limit).collect())
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

    /// Refuses what is asked of a replica that was closed.
    fn check_open(&self, attempted: &str) -> Result<(), Error> {
        if self.shared.watchers.are_closed() {
            return Err(Error::new(attempted, ErrorKind::Closed));
        }
        Ok(())
    }

    fn shown<A: Aggregate>(&self, kind: &Name, bytes: &[u8]) -> Result<Option<A>, Error> {
        let state = self.registry.read(kind, bytes);
        let corrupt = |error| {
            crate::store::StoreError::new("read a state", crate::store::StoreErrorKind::Corrupt)
                .caused_by(error)
        };
        Ok(shown::<A>(state.map_err(corrupt)?.as_ref()))
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
    changes: watch::Receiver<u64>,
    /// A change has not been shown.
    due: bool,
}

impl<A: Aggregate> Watch<A> {
    /// The aggregate as it is, the first time; after that, as it is once it has changed since the
    /// last call. Waits while it does not exist. Changes that come faster than they are looked
    /// at are seen as one. Cancellation-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] once the replica is closed, or when the store cannot be read.
    pub async fn next(&mut self) -> Result<A, Error> {
        let closed = |_| Error::new("watch an aggregate", ErrorKind::Closed);
        loop {
            if !self.due {
                self.changes.changed().await.map_err(closed)?;
                self.due = true;
            }
            // What changes from here on is shown by the next call, whatever this one reads.
            self.changes.has_changed().map_err(closed)?;
            self.changes.mark_unchanged();
            // Cancelled while it reads, the change is due still.
            let aggregate = self.replica.get(&self.id).await?;
            self.due = false;
            if let Some(aggregate) = aggregate {
                return Ok(aggregate);
            }
        }
    }
}

enum Listed<T> {
    Cached(T),
    Stored(bytes::Bytes),
}

/// The value that a state shows, if any event was folded into it.
fn shown<A: Aggregate>(state: &dyn State) -> Option<A> {
    if state.latest() == crate::clock::Hlc::ZERO {
        return None;
    }
    state.typed().downcast_ref::<A::State>().map(A::from_state)
}
