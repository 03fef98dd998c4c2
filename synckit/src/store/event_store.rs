//! The open store: what replicas, hubs and sessions hold.

mod acks;
mod enrolled;
mod filters;
mod history;
mod measure;
mod places;
pub(super) mod policies;
mod rulings;
mod spaces;
mod states;
pub(super) mod types;

pub(crate) use self::enrolled::KnownReplica;
pub use self::policies::SpacePolicy;
pub use self::spaces::StoredSpace;

use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, watch};

use super::encoding::{FILE_ID_LEN, IdentityRow, SpaceNumber, SpaceRow};
use super::ledger::Ledger;
use super::left::Left;
use super::memory::MemoryRows;
use super::queue::Queue;
use super::remembered::RememberedRows;
use super::rows::{Read, Row, Rows};
use super::seal::Damage;
use super::{Batch, CheckpointMark, Committed, StoreError, StoreErrorKind, identity, locate, view};
use crate::branch::{Branches, Coverage, Fork};
use crate::chain::CommitId;
use crate::id::{AggregateId, Name, Position, SpaceId};
use crate::key::ReplicaKey;
use crate::log::{Cursor, Page};
use crate::platform;
use crate::sync::limits::FRONTIER_COMMITS_MAX;

/// An open store of events, over the [`Rows`] of a back end.
///
/// Several replicas and a hub can use one open store: [`EventStore::share`] gives each a use of its
/// own. Closing one ends that use only; the store is released when the last use is closed or
/// dropped. Dropping the last use does what closing does, without waiting for commits under way.
///
/// Methods may be called at the same time from many tasks. Dropping a returned future cancels
/// waiting, not writing: a commit that was under way may still take effect, and committing the same
/// events again is harmless.
pub struct EventStore {
    core: Arc<Core>,
    /// True once this use is closed.
    closed: watch::Sender<bool>,
}

#[derive(Debug)]
struct Core {
    ledger: Ledger,
    left: Left,
    /// Open uses.
    uses: AtomicUsize,
    /// Claimed spaces.
    claims: Mutex<std::collections::BTreeSet<SpaceId>>,
    /// Held while a log is indexed.
    indexing: AsyncMutex<()>,
}

impl EventStore {
    /// Opens the store that is kept in rows, and makes one where there are none.
    ///
    /// # Errors
    /// - [`StoreErrorKind::NewerFormat`] when a later version wrote it;
    /// - [`StoreErrorKind::Corrupt`] when its identity is damaged;
    /// - those of the rows.
    pub async fn over(rows: impl Rows) -> Result<Self, StoreError> {
        let attempted = |error: StoreError| error.attempting("open the store");
        let rows: Arc<dyn Rows> = Arc::new(rows);
        Self::open_rows(rows).await.map_err(attempted)
    }

    async fn open_rows(rows: Arc<dyn Rows>) -> Result<Self, StoreError> {
        if let Some(found) = identity::read(&rows.read(identity::reads()).await?)? {
            return Ok(Self::founded(rows, found));
        }
        let made = identity::from_entropy(&random()?);
        match rows.write(identity::founding(&made)).await {
            Ok(()) => Ok(Self::founded(rows, made)),
            // Another process has made it in the meantime: theirs it is.
            Err(error) if *error.kind() == StoreErrorKind::Contended => {
                let found = identity::read(&rows.read(identity::reads()).await?)?;
                let missing = Damage::new("the store's identity is missing");
                Ok(Self::founded(rows, found.ok_or(missing)?))
            }
            Err(error) => Err(error),
        }
    }

    /// Opens a fresh store in memory, with a random identity and key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn in_memory() -> Result<Self, StoreError> {
        let made = identity::from_entropy(&random()?);
        Ok(Self::made_in_memory(made))
    }

    /// Opens a fresh store in memory with a given identity and key seed, for tests that must repeat
    /// exactly.
    pub fn in_memory_as(seed: &[u8; ReplicaKey::SEED_LEN]) -> Self {
        let (file, seed) = ([0; FILE_ID_LEN], *seed);
        Self::made_in_memory(IdentityRow { file, seed, earlier: 0, before: Vec::new() })
    }

    fn made_in_memory(made: IdentityRow) -> Self {
        let rows = MemoryRows::holding(identity::founding(&made));
        Self::founded(Arc::new(rows), made)
    }

    /// The store in rows that hold its identity.
    pub(super) fn founded(rows: Arc<dyn Rows>, found: IdentityRow) -> Self {
        let core = Core {
            ledger: Ledger::new(Arc::new(RememberedRows::over(rows)), found),
            left: Left::default(),
            uses: AtomicUsize::new(1),
            claims: Mutex::default(),
            indexing: AsyncMutex::default(),
        };
        Self { core: Arc::new(core), closed: watch::Sender::new(false) }
    }

    /// Another use of the same open store.
    ///
    /// # Errors
    /// [`StoreErrorKind::Closed`] when this use is closed.
    pub fn share(&self) -> Result<Self, StoreError> {
        self.check_open("share a store")?;
        self.core.uses.fetch_add(1, Ordering::AcqRel);
        Ok(Self { core: Arc::clone(&self.core), closed: watch::Sender::new(false) })
    }

    /// Claims the right to write events of a space under the store's key, which one replica at a
    /// time has. It is given back when the claim is dropped.
    ///
    /// # Errors
    /// [`StoreErrorKind::Claimed`] while another claim on the space is held.
    pub fn claim(&self, space: &SpaceId) -> Result<Claim, StoreError> {
        let attempted = || format!("claim space `{space}`");
        self.check_open(&attempted())?;
        let mut claims = self.core.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.insert(space.clone()) {
            Ok(Claim { core: Arc::clone(&self.core), space: space.clone() })
        } else {
            Err(StoreError::new(attempted(), StoreErrorKind::Claimed))
        }
    }

    /// The key pair that the store writes under, which is who it is. A store that receives commits
    /// under its key which it did not write (it is a copy, was copied, or was restored from a copy)
    /// takes another one in the same transaction; its earlier commits are then another author's. So
    /// does one whose file cannot be shown to be the one that was opened last, when it is opened.
    pub fn key(&self) -> ReplicaKey {
        self.core.ledger.key()
    }

    /// The number of keys that the store wrote under before: how often it was found to be a copy, or
    /// to have been copied, restored or moved.
    pub fn earlier_keys(&self) -> u32 {
        self.core.ledger.earlier_keys()
    }

    /// Writes a batch: all of it or nothing. When this returns, the batch is durable: it survives a
    /// crash of the process and of the machine. Events that are held already are passed over.
    ///
    /// A cursor alone may be written later: with the next batch of its space, or when the store is
    /// closed. After a crash it may be an earlier one.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] when the log's rules refuse a block. Any other kind leaves open
    /// whether the batch was written; committing it again settles that.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        const ATTEMPTED: &str = "append events";
        self.check_open(ATTEMPTED)?;
        // Batches of a space wait for each other: on a task of its own it goes on, whoever stops polling.
        let core = Arc::clone(&self.core);
        match platform::spawn(async move { core.commit(&batch).await }).await {
            Ok(committed) => committed,
            Err(ended) if ended.is_panic() => resume_unwind(ended.into_panic()),
            // The runtime is shutting down.
            Err(ended) => Err(StoreError::new(ATTEMPTED, StoreErrorKind::Closed).caused_by(ended)),
        }
    }

    /// [Commits](Self::commit) a batch on the task of whoever calls, which is synckit's own and polls to the end.
    pub(crate) async fn commit_here(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.check_open("append events")?;
        self.core.commit(&batch).await
    }

    /// Reads the log after a position, in order: at least one block if there is one, then as many
    /// as fit into [`READ_BYTES_MAX`](crate::log::READ_BYTES_MAX). The first block may begin
    /// before `after`; it begins later only where the log itself does ([`Page::begins`]).
    ///
    /// A reader never sees a position that could later be preceded by another event.
    ///
    /// # Errors
    /// When the store cannot be read or what it holds is damaged. Damage is never returned as data.
    pub async fn read_after(&self, space: &SpaceId, after: Position) -> Result<Page, StoreError> {
        self.check_open("read the log")?;
        let queue = &self.core.ledger.queue;
        let held = queue.tails().page(space, after);
        queue.meter().read_page(held.is_some());
        if let Some(page) = held {
            return Ok(page);
        }
        let read = |number| vec![view::log_read(number, after)];
        let page =
            |row: &SpaceRow, rows: &[Vec<Row>]| view::page(row, after, first(rows)).map(Some);
        let page = self.read("read the log", space, read, page).await?;
        Ok(page.unwrap_or(Page::empty(after)))
    }

    /// The end of a space's log; [`Position::START`] when the space is not known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn head(&self, space: &SpaceId) -> Result<Position, StoreError> {
        self.check_open("read the log's head")?;
        if let Some(end) = self.core.end(space) {
            return Ok(end.position);
        }
        let head = |row: &SpaceRow, _: &[Vec<Row>]| Ok(Position(row.ends));
        self.read("read the log's head", space, |_| Vec::new(), head).await
    }

    /// Waits until the log of a space ends after `past`, and returns where it then ends.
    /// Cancellation-safe.
    ///
    /// # Errors
    /// When the store cannot be read or is closed.
    pub async fn moved(&self, space: &SpaceId, past: Position) -> Result<Position, StoreError> {
        let ends_behind = |head, _| (head > past).then_some(head);
        self.watch(space, ends_behind).await
    }

    /// Waits until the log of a space ends after `past`, or the store has been told of forks that the log
    /// does not show: it has been told so `told` times. Returns where the log then ends, and the number of
    /// times. Cancellation-safe.
    ///
    /// # Errors
    /// As [`EventStore::moved`].
    pub(crate) async fn moved_or_told(
        &self,
        space: &SpaceId,
        past: Position,
        told: u64,
    ) -> Result<(Position, u64), StoreError> {
        let differs = |head, now| (head > past || now != told).then_some((head, now));
        self.watch(space, differs).await
    }

    /// The number of times that the store was told of forks that a space's log does not show, since the
    /// space came to memory.
    pub(crate) fn times_told(&self, space: &SpaceId) -> u64 {
        self.core.ledger.times_told(space)
    }

    /// Waits until the end of a space's log, and the number of times that it was told of forks, say
    /// something.
    async fn watch<T>(
        &self,
        space: &SpaceId,
        says: impl Fn(Position, u64) -> Option<T>,
    ) -> Result<T, StoreError> {
        let queue = &self.core.ledger.queue;
        let mut moves = queue.watch().subscribe(space);
        let mut closed = self.closed.subscribe();
        loop {
            let told = self.core.ledger.times_told(space);
            let head = self.head(space).await?;
            if let Some(said) = says(head, told) {
                return Ok(said);
            }
            tokio::select! {
                biased;
                () = moves.changed() => {}
                () = queue.rows().changed() => {}
                _ = closed.changed() => {}
            }
        }
    }

    /// The branches of a space's log: exactly which commits it holds, or held before they were
    /// pruned.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn branches(&self, space: &SpaceId) -> Result<Branches, StoreError> {
        let read = |number| vec![view::branches_read(number)];
        let branches = |row: &SpaceRow, rows: &[Vec<Row>]| view::branches(row, first(rows));
        self.read("read the branches", space, read, branches).await
    }

    /// The forks of a space's authors: keys under which two stores have written. Both branches are
    /// kept and merged.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn forks(&self, space: &SpaceId) -> Result<Vec<Fork>, StoreError> {
        Ok(self.branches(space).await?.forks())
    }

    /// The frontier of a space's log: the heads of all branches, then commits at growing distances
    /// before them, by which a fork is located; at most [`FRONTIER_COMMITS_MAX`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn frontier(&self, space: &SpaceId) -> Result<Vec<CommitId>, StoreError> {
        let branches = self.branches(space).await?;
        let mut frontier: Vec<_> = branches.heads().take(FRONTIER_COMMITS_MAX).collect();
        let Some(number) = self.core.number_of(space).await? else { return Ok(frontier) };
        let (rows, room) = (self.core.ledger.rows(), FRONTIER_COMMITS_MAX - frontier.len());
        frontier.extend(locate::earlier(rows, number, &branches, room).await?);
        Ok(frontier)
    }

    /// The part of a space's log behind those of the commits that it holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cover(
        &self,
        space: &SpaceId,
        commits: &[CommitId],
    ) -> Result<Coverage, StoreError> {
        let branches = self.branches(space).await?;
        let mut coverage = Coverage::new();
        let Some(number) = self.core.number_of(space).await? else { return Ok(coverage) };
        let rows = self.core.ledger.rows();
        let located = locate::locate(rows, number, &branches, commits).await?;
        for (commit, no) in commits.iter().zip(located) {
            if let Some(no) = no {
                coverage.add(&branches, no, commit.seq);
            }
        }
        Ok(coverage)
    }

    /// The position and the schema fingerprint of the states held, if any were ever written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn checkpoint(&self, space: &SpaceId) -> Result<Option<CheckpointMark>, StoreError> {
        let mark = |row: &SpaceRow, _: &[Vec<Row>]| Ok(row.mark.clone());
        self.read("read the checkpoint", space, |_| Vec::new(), mark).await
    }

    /// Aggregates whose stored states have open conflicts, ascending, after one; of a type, if one is
    /// named; at most `limit` and never more than [`LIST_ROWS_MAX`](super::LIST_ROWS_MAX).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conflicted(
        &self,
        space: &SpaceId,
        kind: Option<&Name>,
        after: Option<&AggregateId>,
        limit: usize,
    ) -> Result<Vec<AggregateId>, StoreError> {
        let read = |number| vec![view::conflicted_read(number, kind, after, limit)];
        let conflicted =
            |row: &SpaceRow, rows: &[Vec<Row>]| view::conflicted(row.number, first(rows));
        self.read("list aggregates with conflicts", space, read, conflicted).await
    }

    /// Positions of the events that the stored states are folded without, ascending, after one: at most
    /// `limit` and never more than [`LIST_ROWS_MAX`](super::LIST_ROWS_MAX).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn parked(
        &self,
        space: &SpaceId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let read = |number| vec![view::parked_read(number, after, limit)];
        let parked = |_: &SpaceRow, rows: &[Vec<Row>]| view::parked(first(rows));
        self.read("list parked events", space, read, parked).await
    }

    /// Ends this use: later calls through it fail with [`StoreErrorKind::Closed`]. The last use
    /// finishes what was begun and releases what the back end holds open.
    ///
    /// # Errors
    /// When the end could not be written; everything committed is safe all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        if self.closed.send_replace(true) {
            return Err(StoreError::new("close the store", StoreErrorKind::Closed));
        }
        let ledger = &self.core.ledger;
        ledger.settle().await;
        if self.core.uses.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        ledger.rows().close().await.map_err(|error| error.attempting("close the store"))
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.core.ledger.queue
    }

    /// The durable end of a space's log, if it is known and nobody else writes to it.
    pub(super) fn durable_end(&self, space: &SpaceId) -> Option<Cursor> {
        self.core.end(space)
    }

    /// Returns when this use is closed.
    pub(super) async fn until_closed(&self) {
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    #[cfg_attr(not(feature = "redb"), allow(dead_code, reason = "a seam for salvage and tests"))]
    pub(super) fn ledger(&self) -> &Ledger {
        &self.core.ledger
    }

    pub(super) fn left_rows(&self) -> &Left {
        &self.core.left
    }

    pub(super) fn check_open(&self, attempted: &str) -> Result<(), StoreError> {
        if *self.closed.borrow() {
            Err(StoreError::new(attempted, StoreErrorKind::Closed))
        } else {
            Ok(())
        }
    }

    /// Reads from a space and says what the rows mean; the default when the space is not known.
    async fn read<T: Default>(
        &self,
        attempted: &'static str,
        space: &SpaceId,
        reads: impl FnOnce(SpaceNumber) -> Vec<Read>,
        interpret: impl FnOnce(&SpaceRow, &[Vec<Row>]) -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        self.check_open(attempted)?;
        let found = self.core.read(space, reads, interpret).await;
        found.map_err(|error| error.attempting(attempted))
    }
}

impl Core {
    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let events: usize = batch.append.iter().map(|append| append.block.len()).sum();
        let attempted = || format!("append {events} events to space `{}`", batch.space);
        let committed = self.ledger.commit(batch).await;
        let committed = committed.map_err(|error| error.attempting(attempted()))?;
        if let Err(error) = self.left.admit_after(&self.ledger, &committed).await {
            // They go on waiting; the batch itself is durable.
            tracing::warn!(%error, "blocks out of a damaged file could not be admitted");
        }
        Ok(committed)
    }

    async fn read<T: Default>(
        &self,
        space: &SpaceId,
        reads: impl FnOnce(SpaceNumber) -> Vec<Read>,
        interpret: impl FnOnce(&SpaceRow, &[Vec<Row>]) -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        let generation = self.ledger.queue.generation();
        let Some(number) = self.number_of(space).await? else { return Ok(T::default()) };
        let mut all: Vec<_> = view::space_reads(space).into();
        let own = all.len();
        all.extend(reads(number));
        let found = self.ledger.rows().read(all).await?;
        let missing = || Damage::new("a space's row is missing");
        let row = view::space_row(&found)?.filter(|row| row.number == number);
        let (row, rows) = (row.ok_or_else(missing)?, found.get(own..).unwrap_or_default());
        if let (Some(known), true) = (self.ledger.spaces.get(space), row.ends > 0) {
            known.read(row.end(), || self.ledger.queue.generation() == generation);
        }
        Ok(interpret(&row, rows)?)
    }

    /// The durable end of a space's log, if it is known and nobody else writes to it.
    fn end(&self, space: &SpaceId) -> Option<Cursor> {
        let known = self.ledger.spaces.get(space)?.end();
        known.filter(|_| !self.ledger.rows().is_shared())
    }

    /// The number of a space; `None` when there is no such space.
    async fn number_of(&self, space: &SpaceId) -> Result<Option<SpaceNumber>, StoreError> {
        match self.ledger.spaces.get(space).and_then(|space| space.number()) {
            Some(number) => Ok(Some(number)),
            None => self.number(space).await,
        }
    }

    /// The number of a space that is not remembered; `None` when there is no such space.
    async fn number(&self, id: &SpaceId) -> Result<Option<SpaceNumber>, StoreError> {
        let found = self.ledger.rows().read(view::space_reads(id).into()).await?;
        let row = view::space_row(&found)?;
        Ok(row.map(|row| {
            self.ledger.spaces.of(id).has_number(row.number);
            row.number
        }))
    }
}

impl Drop for EventStore {
    fn drop(&mut self) {
        if !*self.closed.borrow() {
            self.core.uses.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl fmt::Debug for EventStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, uses) = (self.core.ledger.rows(), self.core.uses.load(Ordering::Relaxed));
        f.debug_struct("EventStore")
            .field("rows", &rows)
            .field("uses", &uses)
            .finish_non_exhaustive()
    }
}

/// The right to write events of a space under the store's key.
#[derive(Debug)]
pub struct Claim {
    core: Arc<Core>,
    space: SpaceId,
}

impl Claim {
    /// The space.
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.core.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.remove(&self.space);
    }
}

fn first(rows: &[Vec<Row>]) -> &[Row] {
    rows.first().map_or(&[], Vec::as_slice)
}

fn random() -> Result<[u8; identity::ENTROPY_LEN], StoreError> {
    platform::random().map_err(|source| {
        StoreError::new("make a store's identity", StoreErrorKind::Randomness).caused_by(source)
    })
}
