//! The works on synckit, by its public interface.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use synckit::hub::RunningHub;
use synckit::id::Position;
use synckit::replica::Link;
use synckit::transport::grpc::{self, ServerLimits};
use synckit::{Edit, Hub, Id, Replica, registry};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::event::{BATCH, Sheet, key, record};
use crate::light::connect;
use crate::measure::{Figures, Usage, Watch};

/// Tasks that edit at the same time.
const WRITERS: usize = 1_000;

pub(crate) async fn replica(path: &Path) -> Replica {
    Replica::builder().registry(registry![Sheet]).open(path).await.unwrap()
}

async fn hub_in(folder: &Path) -> RunningHub {
    let hub = Hub::builder().open(folder.join("hub.redb")).await.unwrap();
    hub.serve("127.0.0.1:0").await.unwrap()
}

/// One edit of so many events, after the first `n`.
async fn edit(replica: &Replica, n: usize, events: usize, aggregates: usize) {
    let id = Id::<Sheet>::named(&key(n, aggregates)).unwrap();
    let edit = |sheet: &mut Edit<'_, Sheet>| (n..n + events).for_each(|n| record(sheet, n));
    replica.edit(&id, edit).await.unwrap();
}

/// Edits of one event each, by many tasks at the same time.
async fn edit_concurrently(replica: &Replica, first: usize, events: usize, aggregates: usize) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS.min(events) {
        let replica = replica.clone();
        writers.spawn(async move {
            for n in (first + writer..first + events).step_by(WRITERS) {
                edit(&replica, n, 1, aggregates).await;
            }
        });
    }
    writers.join_all().await;
}

/// The grouping of events into edits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edits {
    /// A batch in one edit of one aggregate.
    Grouped,
    /// One in each edit, many edits at the same time.
    Concurrent,
    /// One in each edit, one edit after the other.
    Single,
}

impl Edits {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "grouped" => Self::Grouped,
            "concurrent" => Self::Concurrent,
            _ => Self::Single,
        }
    }

    async fn make(self, replica: &Replica, events: usize, aggregates: usize) {
        match self {
            Self::Grouped => {
                for n in (0..events).step_by(BATCH) {
                    edit(replica, n, BATCH.min(events), aggregates).await;
                }
            }
            Self::Concurrent => edit_concurrently(replica, 0, events, aggregates).await,
            Self::Single => {
                for n in 0..events {
                    edit(replica, n, 1, aggregates).await;
                }
            }
        }
    }
}

/// Edits a fresh replica. The time ends with the last edit, the bytes are those after closing.
pub(crate) async fn append(
    folder: &Path,
    events: usize,
    aggregates: usize,
    edits: Edits,
) -> Figures {
    let path = folder.join("replica.redb");
    let replica = replica(&path).await;
    let watch = Watch::start();
    edits.make(&replica, events, aggregates).await;
    let figures = watch.stop(events, 0);
    replica.close().await.unwrap();
    Figures { bytes: std::fs::metadata(path).unwrap().len() as f64, ..figures }
}

/// Serves a hub to many from one address, at a port (any for 0); its address.
pub(crate) async fn hub(folder: &Path, port: u16) -> String {
    let hub = Hub::builder().open(folder.join("hub.redb")).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let limits = ServerLimits::with(|limits| {
        (limits.connections_max, limits.connections_per_peer_max) = (2_048, 2_048);
    });
    tokio::spawn(grpc::serve(
        listener,
        grpc::service(Arc::new(hub)),
        limits,
        None,
        std::future::pending(),
    ));
    url
}

/// Sends a filled file to a hub.
pub(crate) async fn push(folder: &Path, url: &str) -> Figures {
    let replica = replica(&folder.join("replica.redb")).await;
    let watch = Watch::start();
    let report = replica.sync_once(url).await.unwrap();
    watch.stop(report.pushed as usize, report.bytes_pushed)
}

/// Takes a hub's log into a fresh file, states folded.
pub(crate) async fn pull(folder: &Path, url: &str) -> Figures {
    let replica = replica(&folder.join("fresh.redb")).await;
    let watch = Watch::start();
    let report = replica.sync_once(url).await.unwrap();
    watch.stop(report.pulled as usize, report.bytes_pulled)
}

/// Moves 100 events at a time from one replica to another: the steps of pushing, of pulling, and of
/// syncing without need.
pub(crate) async fn small(folder: &Path, log: usize, rounds: usize) -> [Figures; 3] {
    let hub = hub_in(folder).await;
    let writer = replica(&folder.join("writer.redb")).await;
    let reader = replica(&folder.join("reader.redb")).await;
    Edits::Grouped.make(&writer, log, 10_000).await;
    writer.sync_once(hub.url()).await.unwrap();
    reader.sync_once(hub.url()).await.unwrap();
    let usage = Usage::now();
    let mut steps: [Vec<Duration>; 3] = Default::default();
    for round in 0..rounds {
        edit(&writer, log + round * 100, 100, 10_000).await;
        let begun = Instant::now();
        assert_eq!(writer.sync_once(hub.url()).await.unwrap().pushed, 100);
        steps[0].push(begun.elapsed());
        let begun = Instant::now();
        assert_eq!(reader.sync_once(hub.url()).await.unwrap().pulled, 100);
        steps[1].push(begun.elapsed());
        let begun = Instant::now();
        reader.sync_once(hub.url()).await.unwrap();
        steps[2].push(begun.elapsed());
    }
    let usage = usage.since();
    steps.map(|steps| Figures::of_steps(steps, &usage))
}

/// Sends 100 events at a time, each time over a connection that is opened for it.
pub(crate) async fn fresh(folder: &Path, log: usize, rounds: usize) -> Figures {
    let hub = hub_in(folder).await;
    let path = folder.join("writer.redb");
    let writer = replica(&path).await;
    Edits::Grouped.make(&writer, log, 10_000).await;
    writer.sync_once(hub.url()).await.unwrap();
    writer.close().await.unwrap();
    let (mut steps, usage) = (Vec::new(), Usage::now());
    for round in 0..rounds {
        // A replica keeps its connections as long as it is open.
        let writer = replica(&path).await;
        edit(&writer, log + round * 100, 100, 10_000).await;
        let begun = Instant::now();
        assert_eq!(writer.sync_once(hub.url()).await.unwrap().pushed, 100);
        steps.push(begun.elapsed());
        writer.close().await.unwrap();
    }
    Figures::of_steps(steps, &usage.since())
}

/// Replicas in memory that watch an aggregate: their links, and the time whenever one sees an edit.
pub(crate) async fn subscribe(
    url: &str,
    id: &Id<Sheet>,
    subscribers: usize,
) -> (Vec<Link>, mpsc::Receiver<Instant>) {
    let (arriving, arrived) = mpsc::channel(subscribers);
    let mut links = Vec::new();
    for _ in 0..subscribers {
        let reader = Replica::builder().registry(registry![Sheet]).in_memory().await.unwrap();
        let mut watch = reader.watch(id).unwrap();
        links.push(reader.connect(url).unwrap());
        let arriving = arriving.clone();
        tokio::spawn(async move {
            while watch.next().await.is_ok() {
                let _ = arriving.send(Instant::now()).await;
            }
        });
    }
    (links, arrived)
}

/// Edits one by one at one replica, each sent to many that keep nothing, as those of the reference: the time to
/// each of them, and what it takes of the hub.
pub(crate) async fn fan(
    folder: &Path,
    [url, hub]: [&str; 2],
    subscribers: usize,
    events: usize,
) -> Figures {
    let id = Id::<Sheet>::named("live").unwrap();
    let (arriving, mut arrived) = mpsc::channel(subscribers);
    for mut peer in connect(url, 0, subscribers).await {
        let arriving = arriving.clone();
        tokio::spawn(async move {
            let mut seen = Position::START;
            while let Some(position) = peer.next().await {
                if position > seen {
                    seen = position;
                    let _ = arriving.send(Instant::now()).await;
                }
            }
        });
    }
    let writer = replica(&folder.join("writer.redb")).await;
    let _link = writer.connect(url).unwrap();
    let (mut steps, mut before) = (Vec::new(), Usage::default());
    // The first one waits until all are connected.
    for n in 0..=events {
        let begun = Instant::now();
        writer.edit(&id, |sheet: &mut Edit<'_, Sheet>| record(sheet, n)).await.unwrap();
        for _ in 0..subscribers {
            let arrived: Instant = arrived.recv().await.unwrap();
            steps.push(arrived - begun);
        }
        if n == 0 {
            steps.clear();
            before = Usage::of(hub);
        }
    }
    Figures::of_deliveries(steps, events, &before.until(&Usage::of(hub)))
}

/// Edits one by one at one replica, each seen by a watcher of another: four fsyncs.
pub(crate) async fn live(folder: &Path, events: usize) -> Figures {
    let hub = hub_in(folder).await;
    let writer = replica(&folder.join("writer.redb")).await;
    let reader = replica(&folder.join("reader.redb")).await;
    let _links = [&writer, &reader].map(|replica| replica.connect(hub.url()).unwrap());
    let id = Id::<Sheet>::named("live").unwrap();
    let mut watch = reader.watch(&id).unwrap();
    writer.edit(&id, |sheet: &mut Edit<'_, Sheet>| record(sheet, 0)).await.unwrap();
    watch.next().await.unwrap();
    let usage = Usage::now();
    let mut steps = Vec::new();
    for n in 1..=events {
        let begun = Instant::now();
        writer.edit(&id, |sheet: &mut Edit<'_, Sheet>| record(sheet, n)).await.unwrap();
        watch.next().await.unwrap();
        steps.push(begun.elapsed());
    }
    Figures::of_steps(steps, &usage.since())
}

/// Brings so many replicas with so many edits each to hold the same, states folded.
pub(crate) async fn converge(
    folder: &Path,
    replicas: usize,
    events: usize,
    edits: Edits,
) -> Figures {
    let hub = hub_in(folder).await;
    let mut all = Vec::new();
    for n in 0..replicas {
        let replica = replica(&folder.join(format!("{n}.redb"))).await;
        let first = n * events;
        match edits {
            Edits::Single => {
                for n in first..first + events {
                    edit(&replica, n, 1, 10_000).await;
                }
            }
            _ => edit_concurrently(&replica, first, events, 10_000).await,
        }
        all.push(replica);
    }
    let watch = Watch::start();
    for _ in 0..2 {
        let mut syncing = JoinSet::new();
        for replica in all.clone() {
            let url = hub.url();
            syncing.spawn(async move { replica.sync_once(url).await.unwrap() });
        }
        syncing.join_all().await;
    }
    let figures = watch.stop(replicas * events * replicas, 0);
    let held = all[0].status().await.unwrap().events.0;
    assert_eq!(held, (replicas * events) as u64);
    figures
}
