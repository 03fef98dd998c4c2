//! Group commit: batches that wait together become durable together.
//!
//! The cost of a write is the disk's or the network's, whatever it holds. Staged batches wait in
//! order; a task takes what waits, up to a limit, writes it at once, and answers. When a write
//! fails, everything staged on top of it is told to begin again from what is stored.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, oneshot};

use super::ahead::Ahead;
use super::cursors::Cursors;
use super::encoding::SpaceNumber;
use super::rows::{Change, Rows, Table, WriteSet};
use super::space::Space;
use super::tail::Tails;
use super::watch::LogWatch;
use super::{StoreError, StoreErrorKind};
use crate::id::{Position, ReplicaId, SpaceId};
use crate::log::{Cursor, LogBlock};
use crate::metrics::StoreMeter;
use crate::platform::{self, Stopwatch};

/// Most bytes that wait to be written; further callers wait for room.
const QUEUE_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Least weight of a batch in bytes, so that the number of waiting batches is bounded as well.
const BATCH_BYTES_MIN: u32 = 64 * 1024;
/// Most batches of one write.
const GROUP_BATCHES_MAX: usize = 256;
/// Bytes from which a write takes no further batch.
const GROUP_BYTES_ENOUGH: usize = 16 * 1024 * 1024;

/// Batches on their way into the rows.
#[derive(Debug)]
pub(super) struct Queue {
    rows: Arc<dyn Rows>,
    watch: LogWatch,
    tails: Tails,
    ahead: Ahead,
    cursors: Cursors,
    meter: StoreMeter,
    room: Arc<Semaphore>,
    state: Mutex<QueueState>,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<QueuedBatch>,
    /// A task is writing.
    writing: bool,
    /// Counts failed writes: what was staged under another number is not on top of what is stored.
    generation: u64,
    /// Numbered spaces, staged ones included.
    spaces: Option<u32>,
}

/// A batch that was admitted and is to be written.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) id: SpaceId,
    pub(super) space: Arc<Space>,
    pub(super) write: WriteSet,
    /// End of the log once it is written.
    pub(super) end: Cursor,
    /// Begin of the log, and the blocks that it appends.
    pub(super) begins: Position,
    pub(super) appended: Vec<LogBlock>,
    /// The peer that they came from, if all were written by others and may be passed on while they are written
    /// here.
    pub(super) passed_on: Option<ReplicaId>,
    /// The places in peers' logs that it writes down.
    pub(super) cursors: Vec<(ReplicaId, Cursor)>,
    /// The number of numbered spaces with it, if it numbers one.
    pub(super) spaces: Option<u32>,
    /// It tells of forks that the log does not show.
    pub(super) tells: bool,
    /// Held until the store's other key is written or has failed, if it changes the key.
    pub(super) _changing: Option<OwnedMutexGuard<()>>,
}

#[derive(Debug)]
struct QueuedBatch {
    staged: Staged,
    bytes: usize,
    reply: oneshot::Sender<Written>,
    _room: Option<OwnedSemaphorePermit>,
}

/// The outcome of a staged batch.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// It is durable.
    Durably,
    /// It was not written, because something below it was not. Stage it again.
    Not,
    /// It failed; whether it was written is open.
    Failed(Arc<StoreError>),
}

impl Queue {
    pub(super) fn new(rows: Arc<dyn Rows>) -> Self {
        let room = Arc::new(Semaphore::new(QUEUE_BYTES_MAX as usize));
        Self {
            rows,
            watch: LogWatch::new(),
            tails: Tails::default(),
            ahead: Ahead::default(),
            cursors: Cursors::default(),
            meter: StoreMeter::default(),
            room,
            state: Mutex::default(),
        }
    }

    pub(super) fn rows(&self) -> &dyn Rows {
        &*self.rows
    }

    pub(super) const fn watch(&self) -> &LogWatch {
        &self.watch
    }

    pub(super) const fn tails(&self) -> &Tails {
        &self.tails
    }

    pub(super) const fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    pub(super) const fn cursors(&self) -> &Cursors {
        &self.cursors
    }

    pub(super) const fn meter(&self) -> &StoreMeter {
        &self.meter
    }

    /// The number of batches that wait, and their bytes.
    pub(super) fn depth(&self) -> (u64, u64) {
        let state = self.lock();
        let bytes: usize = state.waiting.iter().map(|waiting| waiting.bytes).sum();
        (state.waiting.len() as u64, bytes as u64)
    }

    /// True when everything staged is durable.
    pub(super) fn is_idle(&self) -> bool {
        !self.lock().writing
    }

    /// Waits until there is room for a batch of so many bytes.
    pub(super) async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permits = bytes.clamp(BATCH_BYTES_MIN, QUEUE_BYTES_MAX);
        Arc::clone(&self.room).acquire_many_owned(permits).await.ok()
    }

    /// Counts failed writes.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// The number of numbered spaces, if a staged batch has numbered one.
    pub(super) fn spaces(&self) -> Option<u32> {
        self.lock().spaces
    }

    /// Queues a batch that was staged under a generation; `None` when that has passed.
    pub(super) fn push(
        self: &Arc<Self>,
        staged: Staged,
        generation: u64,
        room: Option<OwnedSemaphorePermit>,
    ) -> Option<oneshot::Receiver<Written>> {
        let (reply, answer) = oneshot::channel();
        let bytes = staged.write.changes.iter().map(size).sum();
        let mut state = self.lock();
        if state.generation != generation {
            return None;
        }
        state.spaces = staged.spaces.or(state.spaces);
        state.waiting.push_back(QueuedBatch { staged, bytes, reply, _room: room });
        let begins = !std::mem::replace(&mut state.writing, true);
        // A runtime that is ending drops what is spawned at once, which locks the state again.
        drop(state);
        if begins {
            let writing = Writing { queue: Arc::clone(self), done: false };
            platform::spawn(writing.run());
        }
        Some(answer)
    }

    /// Lets others see what is about to be written: all that is written at once also at once, so that whoever reads
    /// along reads no more often than writes are made. To be called with the state locked, so that it has neither arrived
    /// nor failed.
    fn announce(&self, Staged { id, space, appended, begins, passed_on, .. }: &Staged) {
        if let (Some(from), Some(durable)) = (*passed_on, space.end()) {
            self.ahead.announce(id, durable.position, (from, *begins), appended);
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what waits, up to the limits of one write; ends the task when nothing does.
    fn gather(&self) -> Vec<QueuedBatch> {
        let mut state = self.lock();
        let (mut group, mut bytes) = (Vec::new(), 0);
        while group.len() < GROUP_BATCHES_MAX
            && bytes < GROUP_BYTES_ENOUGH
            && let Some(next) = state.waiting.pop_front()
        {
            bytes += next.bytes;
            self.announce(&next.staged);
            group.push(next);
        }
        state.writing = !group.is_empty();
        group
    }

    async fn write(&self, group: Vec<QueuedBatch>) {
        let sets = group.iter().map(|waiting| &waiting.staged.write);
        let merged = merge(sets);
        let begun = Stopwatch::start();
        let written =
            if merged.changes.is_empty() { Ok(()) } else { self.rows.write(merged).await };
        match written {
            Ok(()) => {
                let blocks = group.iter().flat_map(|waiting| &waiting.staged.appended);
                let events = blocks.map(|log| log.block.len() as u64).sum();
                self.meter.committed(group.len(), events, begun.elapsed());
                group.into_iter().for_each(|waiting| self.succeed(waiting));
            }
            // Damage that one batch met must not keep the others from being written.
            Err(error) if group.len() > 1 && *error.kind() == StoreErrorKind::Corrupt => {
                for waiting in group {
                    Box::pin(self.write(vec![waiting])).await;
                }
            }
            Err(error) => {
                self.meter.failed(error.code());
                self.fail(group, error);
            }
        }
    }

    /// Wakes readers and tells the caller what is durable by now.
    fn succeed(&self, QueuedBatch { staged, reply, .. }: QueuedBatch) {
        if staged.end.position > Position::START {
            staged.space.written(staged.end);
        }
        if !self.rows.is_shared() {
            staged.cursors.iter().for_each(|place| self.cursors.written(&staged.id, place));
        }
        if let Some(number) = staged.spaces.and_then(|spaces| spaces.checked_sub(1)) {
            staged.space.has_number(SpaceNumber(number));
        }
        let appends = !staged.appended.is_empty();
        if appends && !self.rows.is_shared() {
            self.tails.append(&staged.id, staged.begins, staged.appended);
        }
        if staged.tells {
            staged.space.told();
        }
        let announced = self.ahead.written(&staged.id, staged.end.position);
        if staged.tells || appends {
            self.watch.notify(&staged.id);
        }
        if appends && !announced {
            self.ahead.notify(&staged.id);
        }
        let _ = reply.send(Written::Durably);
    }

    /// Tells the callers of a failed write, and those who built on it.
    fn fail(&self, group: Vec<QueuedBatch>, error: StoreError) {
        let above = {
            let mut state = self.lock();
            state.generation += 1;
            state.spaces = None;
            self.ahead.forget_all();
            std::mem::take(&mut state.waiting)
        };
        self.cursors.forget();
        let failed = match error.kind() {
            StoreErrorKind::Contended => Written::Not,
            _ => Written::Failed(Arc::new(error)),
        };
        for waiting in group {
            waiting.staged.space.forget_end();
            self.tails.forget(&waiting.staged.id);
            self.ahead.notify(&waiting.staged.id);
            let _ = waiting.reply.send(failed.clone());
        }
        for waiting in above {
            self.ahead.notify(&waiting.staged.id);
            let _ = waiting.reply.send(Written::Not);
        }
    }
}

/// The task that writes what waits.
struct Writing {
    queue: Arc<Queue>,
    done: bool,
}

impl Writing {
    async fn run(mut self) {
        loop {
            let group = self.queue.gather();
            if group.is_empty() {
                self.done = true;
                return;
            }
            self.queue.write(group).await;
        }
    }
}

/// When the runtime ends in the middle of a write, those who wait learn that nobody answers.
impl Drop for Writing {
    fn drop(&mut self) {
        if !self.done {
            let mut state = self.queue.lock();
            state.writing = false;
            state.generation += 1;
            state.spaces = None;
            self.queue.ahead.forget_all();
            state.waiting.clear();
        }
    }
}

/// One write of several: of guards on a row the first counts, of puts the last.
fn merge<'a>(sets: impl Iterator<Item = &'a WriteSet>) -> WriteSet {
    let mut merged = WriteSet::default();
    let mut guarded: BTreeMap<(Table, &[u8]), ()> = BTreeMap::new();
    let mut places: BTreeMap<(Table, &[u8]), usize> = BTreeMap::new();
    for set in sets {
        for guard in &set.guards {
            if guarded.insert((guard.table, &guard.key), ()).is_none() {
                merged.guards.push(guard.clone());
            }
        }
        for change in &set.changes {
            match change {
                Change::Put { table, key, .. } => match places.get(&(*table, key.as_slice())) {
                    Some(place) => merged.changes[*place] = change.clone(),
                    None => {
                        places.insert((*table, key), merged.changes.len());
                        merged.changes.push(change.clone());
                    }
                },
                // What was put before it may be removed: it does not move behind it.
                Change::Remove { .. } => {
                    places.clear();
                    merged.changes.push(change.clone());
                }
            }
        }
    }
    merged
}

fn size(change: &Change) -> usize {
    match change {
        Change::Put { key, value, .. } => key.len() + value.len(),
        Change::Remove { .. } => 0,
    }
}
