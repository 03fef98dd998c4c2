//! A store in memory: for tests, and for replicas that need not outlive their process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::record::{ConflictId, conflict_id};
use super::watch::LogWatch;
use super::{
    BATCH_BYTES_MAX, Batch, Checkpoint, CheckpointMark, Committed, EventStore, ForkProof,
    LIST_ROWS_MAX, StoreError, StoreErrorKind,
};
use crate::conflict::Conflict;
use crate::envelope::{Chain, Frontier, Head};
use crate::id::{
    AggregateId, Dot, Key, Name, Position, ReplicaId, SpaceId, StoreId, StoreIdentity,
};
use crate::key::ReplicaKey;
use crate::log::{AdmitError, Held, LogBlock, Page, READ_BYTES_MAX, Refusal, Staging};

/// A store that is gone when it is dropped. Within that bound it keeps every promise of
/// [`EventStore`].
#[derive(Debug)]
pub struct MemoryStore {
    identity: StoreIdentity,
    key: ReplicaKey,
    spaces: Mutex<Spaces>,
    watch: LogWatch,
}

#[derive(Debug, Default)]
struct Spaces {
    closed: bool,
    by_id: BTreeMap<SpaceId, Space>,
}

#[derive(Debug, Default)]
struct Space {
    blocks: Vec<LogBlock>,
    frontier: Frontier,
    cursors: BTreeMap<StoreId, (u64, Position)>,
    mark: Option<CheckpointMark>,
    states: BTreeMap<AggregateId, Bytes>,
    conflicts: Vec<Conflict>,
    conflicts_seen: BTreeSet<ConflictId>,
    forks: Vec<ForkProof>,
}

impl MemoryStore {
    /// An empty store with a random identity and key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new() -> Result<Self, StoreError> {
        let mut random = [0; StoreId::LEN + ReplicaKey::SEED_LEN];
        getrandom::fill(&mut random).map_err(|source| {
            let kind = StoreErrorKind::Randomness;
            StoreError::new("create a store in memory", kind).caused_by(source)
        })?;
        let (mut id, mut seed) = ([0; StoreId::LEN], [0; ReplicaKey::SEED_LEN]);
        id.copy_from_slice(&random[..StoreId::LEN]);
        seed.copy_from_slice(&random[StoreId::LEN..]);
        Ok(Self::with_identity(StoreId::from_bytes(id), &seed))
    }

    /// An empty store with a given identity and key seed, for tests that must repeat exactly.
    pub fn with_identity(id: StoreId, seed: &[u8; ReplicaKey::SEED_LEN]) -> Self {
        Self {
            identity: StoreIdentity { id, epoch: 1 },
            key: ReplicaKey::from_seed(seed),
            spaces: Mutex::default(),
            watch: LogWatch::new(),
        }
    }

    fn lock(&self, attempted: &str) -> Result<MutexGuard<'_, Spaces>, StoreError> {
        // A panic cannot leave a batch half written: a space is replaced as a whole.
        let spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        match spaces.closed {
            true => Err(StoreError::new(attempted, StoreErrorKind::Closed)),
            false => Ok(spaces),
        }
    }

    fn read<T>(
        &self,
        space: &SpaceId,
        attempted: &str,
        read: impl FnOnce(&Space) -> T,
    ) -> Result<T, StoreError> {
        let spaces = self.lock(attempted)?;
        Ok(match spaces.by_id.get(space) {
            Some(space) => read(space),
            None => read(&Space::default()),
        })
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    fn identity(&self) -> StoreIdentity {
        self.identity
    }

    fn key(&self) -> &ReplicaKey {
        &self.key
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let events: usize = batch.append.iter().map(|append| append.block.len()).sum();
        let attempted = || format!("append {events} events to space `{}`", batch.space);
        let bytes: usize = batch.append.iter().map(|append| append.block.bytes().len()).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(StoreError::new(attempted(), StoreErrorKind::BatchTooLarge));
        }
        let mut spaces = self.lock("commit a batch")?;
        let space = spaces.by_id.entry(batch.space.clone()).or_default();
        let before = space.head();
        match space.write(batch.clone()) {
            Ok(()) => {
                let head = space.head();
                drop(spaces);
                self.watch.notify(&batch.space);
                Ok(Committed { head, appended: head.0 - before.0 })
            }
            Err(refusal) => Err(StoreError::new(attempted(), StoreErrorKind::Refused(refusal))),
        }
    }

    async fn read_after(&self, space: &SpaceId, after: Position) -> Result<Page, StoreError> {
        self.read(space, "read the log", |space| {
            let first = space.blocks.partition_point(|block| block.end() <= after);
            space.page(space.blocks[first..].iter(), after)
        })
    }

    async fn read_replica(
        &self,
        space: &SpaceId,
        replica: &ReplicaId,
        from_seq: u64,
    ) -> Result<Page, StoreError> {
        self.read(space, "read a replica's events", |space| {
            let holds = |log: &&LogBlock| {
                let runs = log.block.runs().iter();
                runs.into_iter().any(|run| run.replica == *replica && run.last_seq() >= from_seq)
            };
            space.page(space.blocks.iter().filter(holds), Position::START)
        })
    }

    async fn read_aggregate(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        after: Position,
    ) -> Result<Page, StoreError> {
        self.read(space, "read an aggregate's events", |space| {
            let holds =
                |log: &&LogBlock| log.end() > after && log.block.aggregates().contains(aggregate);
            space.page(space.blocks.iter().filter(holds), after)
        })
    }

    async fn head(&self, space: &SpaceId) -> Result<Position, StoreError> {
        self.read(space, "read the log's head", Space::head)
    }

    async fn moved(&self, space: &SpaceId, past: Position) -> Result<Position, StoreError> {
        let mut commits = self.watch.subscribe(space);
        loop {
            let head = self.head(space).await?;
            if head > past {
                return Ok(head);
            }
            let closed = |_| StoreError::new("wait for the log to move", StoreErrorKind::Closed);
            commits.changed().await.map_err(closed)?;
        }
    }

    async fn frontier(&self, space: &SpaceId) -> Result<Frontier, StoreError> {
        self.read(space, "read the frontier", |space| space.frontier.clone())
    }

    async fn replica_head(&self, space: &SpaceId, replica: &ReplicaId) -> Result<Head, StoreError> {
        self.read(space, "read a replica's head", |space| space.frontier.head(replica))
    }

    async fn cursor(
        &self,
        space: &SpaceId,
        peer: &StoreIdentity,
    ) -> Result<Option<Position>, StoreError> {
        self.read(space, "read a cursor", |space| {
            let (epoch, position) = space.cursors.get(&peer.id)?;
            (*epoch == peer.epoch).then_some(*position)
        })
    }

    async fn checkpoint(&self, space: &SpaceId) -> Result<Option<CheckpointMark>, StoreError> {
        self.read(space, "read the checkpoint", |space| space.mark.clone())
    }

    async fn state(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
    ) -> Result<Option<Bytes>, StoreError> {
        self.read(space, "read a state", |space| space.states.get(aggregate).cloned())
    }

    async fn states(
        &self,
        space: &SpaceId,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, StoreError> {
        self.read(space, "list states", |space| {
            let of_kind = space.states.iter().filter(|(id, _)| id.kind == *kind);
            of_kind
                .filter(|(id, _)| after.is_none_or(|after| id.key > *after))
                .map(|(id, state)| (id.key.clone(), state.clone()))
                .take(limit.min(LIST_ROWS_MAX))
                .collect()
        })
    }

    async fn conflicts(&self, space: &SpaceId, skip: u64) -> Result<Vec<Conflict>, StoreError> {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        self.read(space, "list conflicts", |space| {
            space.conflicts.iter().skip(skip).take(LIST_ROWS_MAX).cloned().collect()
        })
    }

    async fn forks(&self, space: &SpaceId) -> Result<Vec<ForkProof>, StoreError> {
        self.read(space, "list forks", |space| space.forks.clone())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.lock("close the store")?.closed = true;
        self.watch.notify_all();
        Ok(())
    }
}

impl Space {
    fn head(&self) -> Position {
        self.blocks.last().map_or(Position::START, LogBlock::end)
    }

    /// Writes a batch, or nothing of it.
    fn write(&mut self, batch: Batch) -> Result<(), Refusal> {
        let mut staging = Staging::new(&*self);
        let mut sources = Vec::new();
        for append in &batch.append {
            match staging.admit(&batch.space, &append.block) {
                Ok(added) => sources.resize(sources.len() + added, append.source),
                Err(AdmitError::Refused(refusal)) => {
                    self.note_fork(&refusal, append.block.bytes().clone());
                    return Err(refusal);
                }
            }
        }
        let (blocks, heads) = staging.finish();
        for (replica, head) in heads {
            self.frontier.set(replica, head).map_err(|_| Refusal::TooManyReplicas)?;
        }
        for (block, source) in blocks.into_iter().zip(sources) {
            self.blocks.push(LogBlock { start: self.head(), block, source });
        }
        if let Some((peer, position)) = batch.cursor {
            self.cursors.insert(peer.id, (peer.epoch, position));
        }
        if let Some(checkpoint) = batch.checkpoint {
            self.write_checkpoint(checkpoint);
        }
        Ok(())
    }

    fn write_checkpoint(&mut self, checkpoint: Checkpoint) {
        if checkpoint.replaces_all {
            self.states.clear();
            self.conflicts.clear();
            self.conflicts_seen.clear();
        }
        self.mark = Some(checkpoint.mark);
        self.states.extend(checkpoint.states);
        for conflict in checkpoint.conflicts {
            if self.conflicts_seen.insert(conflict_id(&conflict)) {
                self.conflicts.push(conflict);
            }
        }
    }

    fn note_fork(&mut self, refusal: &Refusal, block: Bytes) {
        let Refusal::Fork { dot, .. } = refusal else { return };
        let proof = ForkProof { refusal: refusal.to_string(), replica: dot.replica, block };
        let kept: usize = self.forks.iter().map(|kept| kept.block.len()).sum();
        let fits = self.forks.len() < LIST_ROWS_MAX && kept + proof.block.len() <= BATCH_BYTES_MAX;
        if fits && !self.forks.contains(&proof) {
            self.forks.push(proof);
        }
    }

    fn page<'a>(&self, blocks: impl Iterator<Item = &'a LogBlock>, after: Position) -> Page {
        let mut page = Page { blocks: Vec::new(), through: after, head: self.head() };
        let mut bytes = 0;
        for block in blocks {
            bytes += block.block.bytes().len();
            if bytes > READ_BYTES_MAX && !page.blocks.is_empty() {
                break;
            }
            page.through = block.end();
            page.blocks.push(block.clone());
        }
        page
    }
}

impl Held for Space {
    type Error = std::convert::Infallible;

    fn head(&self, replica: &ReplicaId) -> Result<Head, Self::Error> {
        Ok(self.frontier.head(replica))
    }

    fn chain_at(&self, dot: Dot) -> Result<Chain, Self::Error> {
        let holding = self.blocks.iter().map(|log| &log.block);
        Ok(holding.filter_map(|block| block.chain_at(dot)).next().unwrap_or(Chain::START))
    }

    fn replicas(&self) -> Result<usize, Self::Error> {
        Ok(self.frontier.len())
    }
}
