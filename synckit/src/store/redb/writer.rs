//! The one thread that writes, and group commit: batches that wait together become durable
//! together.
//!
//! The cost of a commit is the disk's, whatever it holds. The thread takes what waits, up to a
//! limit, admits batch after batch into one transaction, makes it durable, and only then answers
//! and wakes readers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::engine::{Engine, Verdict};
use super::fault::{Fault, ToStoreError};
use super::index;
use super::write::{Cache, Ledger, Outcome};
use crate::id::SpaceId;
use crate::store::watch::LogWatch;
use crate::store::{Batch, Committed, StoreError, StoreErrorKind};

/// Most batches that wait for the writer; further callers wait for room.
const QUEUE_BATCHES_MAX: usize = 1_024;
/// Most bytes that wait for the writer.
const QUEUE_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Most batches that one transaction takes.
const GROUP_BATCHES_MAX: usize = 256;
/// How many bytes a transaction has when it takes no further batch.
const GROUP_BYTES_ENOUGH: u32 = 16 * 1024 * 1024;
/// How long dropping a store waits for a commit under way.
const DROP_WAIT: Duration = Duration::from_secs(5);

/// The writer's end that callers hold.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    room: Arc<Semaphore>,
    /// Disconnected when the thread has ended.
    ended: Mutex<std_mpsc::Receiver<()>>,
}

enum Job {
    Commit(Commit),
    Index(SpaceId, oneshot::Sender<Result<(), Fault>>),
    Close(oneshot::Sender<Result<(), Fault>>),
}

struct Commit {
    batch: Batch,
    attempted: String,
    reply: oneshot::Sender<Result<Committed, StoreError>>,
    room: OwnedSemaphorePermit,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(engine: Arc<Engine>, watch: Arc<LogWatch>) -> Result<Self, Fault> {
        let (jobs, queue) = mpsc::channel(QUEUE_BATCHES_MAX);
        let (end, ended) = std_mpsc::channel();
        let thread = thread::Builder::new().name("synckit-redb".into());
        let run = move || {
            let _end: std_mpsc::Sender<()> = end;
            Loop { engine, watch, cache: Cache::default() }.run(queue);
        };
        thread.spawn(run).map_err(|error| Fault::System("start the writer's thread", error))?;
        let room = Arc::new(Semaphore::new(QUEUE_BYTES_MAX as usize));
        Ok(Self { jobs: Some(jobs), room, ended: Mutex::new(ended) })
    }

    pub(super) async fn commit(
        &self,
        batch: Batch,
        attempted: String,
    ) -> Result<Committed, StoreError> {
        let closed = || StoreError::new(attempted.clone(), StoreErrorKind::Closed);
        let permits = size(&batch).clamp(1, QUEUE_BYTES_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await;
        let room = room.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let commit = Commit { batch, attempted: attempted.clone(), reply, room };
        self.send(Job::Commit(commit)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Extends the index of a space's aggregates by a chunk.
    pub(super) async fn extend_index(&self, space: SpaceId) -> Result<(), Fault> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Index(space, reply)).await?;
        answer.await.map_err(|_| Fault::Closed)?
    }

    /// Writes what waits and releases the file.
    pub(super) async fn close(&self) -> Result<(), Fault> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Close(reply)).await?;
        answer.await.map_err(|_| Fault::Closed)?
    }

    async fn send(&self, job: Job) -> Result<(), Fault> {
        let jobs = self.jobs.as_ref().ok_or(Fault::Closed)?;
        jobs.send(job).await.map_err(|_| Fault::Closed)
    }
}

/// Lets the thread finish what waits and release the file, and waits for that a moment.
impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(DROP_WAIT);
    }
}

/// What a batch weighs in the queue, in bytes.
fn size(batch: &Batch) -> u32 {
    let blocks = batch.append.iter().map(|append| append.block.bytes().len());
    let states = batch.checkpoint.iter().flat_map(|checkpoint| &checkpoint.states);
    let bytes = blocks.chain(states.map(|(_, state)| state.len())).sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

struct Loop {
    engine: Arc<Engine>,
    watch: Arc<LogWatch>,
    cache: Cache,
}

impl Loop {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting = VecDeque::new();
        while let Some(job) = waiting.pop_front().or_else(|| queue.blocking_recv()) {
            match job {
                Job::Commit(first) => {
                    let group = gather(first, &mut waiting, &mut queue);
                    self.commit(group);
                }
                Job::Index(space, reply) => {
                    let _ = reply.send(self.engine.write(|txn| index::extend(txn, &space)));
                }
                Job::Close(reply) => {
                    let closed = self.engine.close();
                    // From here on sending fails, which callers are told as "closed".
                    drop(queue);
                    self.watch.notify_all();
                    let _ = reply.send(closed);
                    return;
                }
            }
        }
        if let Err(fault) = self.engine.close() {
            tracing::warn!(%fault, "the store was not closed cleanly; nothing committed is lost");
        }
    }

    /// Commits a group and answers its callers.
    fn commit(&mut self, group: Vec<Commit>) {
        match self.write(&group) {
            Ok(outcomes) => self.answer(group, outcomes),
            // Damage that one batch met must not keep the others from being written.
            Err(fault) if group.len() > 1 && fault.is_damage() => {
                group.into_iter().for_each(|commit| self.commit(vec![commit]));
            }
            Err(fault) => {
                let fault = Arc::new(fault);
                for Commit { attempted, reply, .. } in group {
                    let _ = reply.send(Err(fault.to_store_error(attempted)));
                }
            }
        }
    }

    /// Writes a group in one transaction.
    fn write(&mut self, group: &[Commit]) -> Result<Vec<Outcome>, Fault> {
        let cache = &mut self.cache;
        let mut attempts = 0;
        let written = self.engine.write(|txn| {
            if attempts > 0 {
                cache.clear();
            }
            attempts += 1;
            let mut ledger = Ledger::open(txn, cache)?;
            let outcomes: Result<Vec<_>, _> =
                group.iter().map(|commit| ledger.apply(&commit.batch)).collect();
            let outcomes = outcomes?;
            Ok(match ledger.finish()? {
                true => Verdict::Commit(outcomes),
                false => Verdict::Abort(outcomes),
            })
        });
        match &written {
            Ok(_) => cache.trim(),
            Err(_) => cache.clear(),
        }
        written
    }

    /// Wakes readers and tells callers what is durable by now.
    fn answer(&self, group: Vec<Commit>, outcomes: Vec<Outcome>) {
        for (Commit { batch, attempted, reply, room }, outcome) in group.into_iter().zip(outcomes) {
            if outcome.as_ref().is_ok_and(|committed| committed.appended > 0) {
                self.watch.notify(&batch.space);
            }
            drop(room);
            let refused = |refusal| StoreError::new(attempted, StoreErrorKind::Refused(refusal));
            let _ = reply.send(outcome.map_err(refused));
        }
    }
}

/// Takes commits that wait, up to the limits of one transaction.
fn gather(
    first: Commit,
    waiting: &mut VecDeque<Job>,
    queue: &mut mpsc::Receiver<Job>,
) -> Vec<Commit> {
    let mut bytes = size(&first.batch);
    let mut group = vec![first];
    while group.len() < GROUP_BATCHES_MAX && bytes < GROUP_BYTES_ENOUGH {
        match waiting.pop_front().map_or_else(|| queue.try_recv().ok(), Some) {
            Some(Job::Commit(commit)) => {
                bytes = bytes.saturating_add(size(&commit.batch));
                group.push(commit);
            }
            Some(other) => {
                waiting.push_front(other);
                break;
            }
            None => break,
        }
    }
    group
}
