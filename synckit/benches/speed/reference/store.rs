//! Its store: a row for each event, and one durable commit for each batch, on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use prost::Message;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{mpsc, oneshot};

use super::wire::Event;
use crate::event::BATCH;

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const IDS: TableDefinition<'_, (&[u8], u64), u64> = TableDefinition::new("ids");
const FRONTIER: TableDefinition<'_, &[u8], u64> = TableDefinition::new("frontier");
const CURSOR: TableDefinition<'_, u8, u64> = TableDefinition::new("cursor");

/// Most batches of one commit when it is tuned.
const GROUP: usize = 4;
/// Batches that wait for the writer.
const WAITING: usize = 4;

/// The means by which events that are held already are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    /// All are new: they are the writer's own.
    None,
    /// A row for each event's id; one batch for each commit.
    Ids,
    /// A row for each replica; up to [`GROUP`] batches for each commit.
    Frontier,
}

struct Job {
    events: Vec<Event>,
    /// The place in a peer's log that is then reached.
    cursor: u64,
    done: oneshot::Sender<u64>,
}

#[derive(Clone)]
pub(super) struct Store {
    database: Arc<Database>,
    writer: mpsc::Sender<Job>,
}

impl Store {
    pub(super) fn open(path: &Path, index: Index, cache: usize) -> Self {
        let database = Database::builder().set_cache_size(cache).create(path).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(LOG).unwrap();
        txn.open_table(IDS).unwrap();
        txn.open_table(FRONTIER).unwrap();
        txn.open_table(CURSOR).unwrap();
        txn.commit().unwrap();
        let database = Arc::new(database);
        let (writer, jobs) = mpsc::channel(WAITING);
        let of_writer = Arc::clone(&database);
        thread::spawn(move || write_all(&of_writer, index, jobs));
        Self { database, writer }
    }

    /// Appends a batch; the end of the log once it is durable.
    pub(super) async fn append(&self, events: Vec<Event>, cursor: u64) -> u64 {
        self.begin_append(events, cursor).await.await.unwrap()
    }

    /// Queues a batch; answered when it is durable.
    pub(super) async fn begin_append(
        &self,
        events: Vec<Event>,
        cursor: u64,
    ) -> oneshot::Receiver<u64> {
        let (done, answer) = oneshot::channel();
        assert!(self.writer.send(Job { events, cursor, done }).await.is_ok());
        answer
    }

    pub(super) fn head(&self) -> u64 {
        let txn = self.database.begin_read().unwrap();
        let log = txn.open_table(LOG).unwrap();
        log.last().unwrap().map_or(0, |(position, _)| position.value())
    }

    /// The events after a position: one batch at most.
    pub(super) async fn read_after(&self, position: u64) -> Vec<Event> {
        let database = Arc::clone(&self.database);
        let read = move || {
            let txn = database.begin_read().unwrap();
            let log = txn.open_table(LOG).unwrap();
            let rows = log.range(position + 1..).unwrap().take(BATCH);
            let event = |row: Result<(_, redb::AccessGuard<'_, &[u8]>), _>| {
                Event::decode(row.unwrap().1.value()).unwrap()
            };
            rows.map(event).collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap()
    }
}

fn write_all(database: &Database, index: Index, mut jobs: mpsc::Receiver<Job>) {
    let most = if index == Index::Frontier { GROUP } else { 1 };
    let mut group = Vec::new();
    while jobs.blocking_recv_many(&mut group, most) > 0 {
        let head = write(database, index, &group);
        for job in group.drain(..) {
            let _ = job.done.send(head);
        }
    }
}

fn write(database: &Database, index: Index, group: &[Job]) -> u64 {
    let txn = database.begin_write().unwrap();
    let mut head;
    {
        let mut log = txn.open_table(LOG).unwrap();
        let mut ids = txn.open_table(IDS).unwrap();
        let mut frontier = txn.open_table(FRONTIER).unwrap();
        head = log.last().unwrap().map_or(0, |(position, _)| position.value());
        let mut row = Vec::new();
        for event in group.iter().flat_map(|job| &job.events) {
            let replica = event.replica.as_ref();
            let held = match index {
                Index::None => false,
                Index::Ids => ids.get((replica, event.seq)).unwrap().is_some(),
                Index::Frontier => {
                    frontier.get(replica).unwrap().is_some_and(|held| held.value() >= event.seq)
                }
            };
            if held {
                continue;
            }
            head += 1;
            row.clear();
            event.encode(&mut row).unwrap();
            log.insert(head, row.as_slice()).unwrap();
            match index {
                Index::None => {}
                Index::Ids => drop(ids.insert((replica, event.seq), head).unwrap()),
                Index::Frontier => drop(frontier.insert(replica, event.seq).unwrap()),
            }
        }
        if let Some(last) = group.last().filter(|job| job.cursor > 0) {
            txn.open_table(CURSOR).unwrap().insert(0, last.cursor).unwrap();
        }
    }
    txn.commit().unwrap();
    head
}
