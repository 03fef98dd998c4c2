//! The works on it.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::Streaming;

use super::grpc::{self, Hub, PULL, PUSH, RELAY};
use super::store::{Index, Store};
use super::wire::{Event, Frame};
use crate::event::{BATCH, key, value};
use crate::measure::{Figures, Usage, Watch};
use crate::raw::RawLog;

/// Memory for pages: of a replica and of a hub, the same as synckit's.
const CACHE: usize = 64 * 1024 * 1024;
const HUB_CACHE: usize = 256 * 1024 * 1024;

fn event(replica: u64, n: usize, aggregates: usize) -> Event {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&replica.to_be_bytes());
    Event {
        replica: Bytes::copy_from_slice(&id),
        seq: n as u64 + 1,
        kind: "sheet".into(),
        key: key(n, aggregates).into(),
        name: "sheet.a_set".into(),
        version: 1,
        clock: n as u64,
        payload: value(n).into(),
    }
}

fn batch(replica: u64, first: usize, events: usize, aggregates: usize) -> Vec<Event> {
    (first..first + events).map(|n| event(replica, n, aggregates)).collect()
}

/// Appends batches to a fresh file.
pub(crate) async fn append(folder: &Path, events: usize, aggregates: usize) -> Figures {
    let path = folder.join("replica.redb");
    let store = Store::open(&path, Index::None, CACHE);
    let watch = Watch::start();
    for first in (0..events).step_by(BATCH) {
        store.append(batch(1, first, BATCH, aggregates), 0).await;
    }
    watch.stop(events, std::fs::metadata(path).unwrap().len())
}

/// Serves a hub; its address.
pub(crate) async fn hub(folder: &Path, tuned: bool) -> String {
    let index = if tuned { Index::Frontier } else { Index::Ids };
    let store = Store::open(&folder.join("hub.redb"), index, HUB_CACHE);
    let relay = RawLog::create(&folder.join("relay"));
    format!("http://{}", Hub::new(store, relay).serve().await)
}

/// A replica on an open connection.
struct Client {
    store: Store,
    pushing: (mpsc::Sender<Frame>, Streaming<Frame>),
    pulling: (mpsc::Sender<Frame>, Streaming<Frame>),
    pushed: u64,
    pulled: u64,
}

impl Client {
    async fn open(path: &Path, index: Index, url: &str) -> Self {
        let channel = grpc::connect(url).await;
        Self {
            store: Store::open(path, index, CACHE),
            pushing: grpc::call(channel.clone(), PUSH).await,
            pulling: grpc::call(channel, PULL).await,
            pushed: 0,
            pulled: 0,
        }
    }

    /// Sends what has not been sent; how many events, once they are durable at the hub.
    async fn push(&mut self) -> usize {
        let (mut sent, head) = (self.pushed, self.store.head());
        let (frames, store) = (self.pushing.0.clone(), self.store.clone());
        tokio::spawn(async move {
            while sent < head {
                let events = store.read_after(sent).await;
                sent += events.len() as u64;
                let frame = Frame { events, position: sent, head };
                frames.send(frame).await.unwrap();
            }
        });
        let before = self.pushed;
        while self.pushed < head {
            self.pushed = self.pushing.1.message().await.unwrap().unwrap().position;
        }
        (self.pushed - before) as usize
    }

    /// Takes what it has not taken; how many events, once they are durable here.
    async fn pull(&mut self) -> usize {
        let (before, mut written) = (self.pulled, None);
        let ask = Frame { position: self.pulled, ..Frame::default() };
        self.pulling.0.send(ask).await.unwrap();
        loop {
            let frame = self.pulling.1.message().await.unwrap().unwrap();
            self.pulled = frame.position;
            if !frame.events.is_empty() {
                written = Some(self.store.begin_append(frame.events, frame.position).await);
            }
            if frame.position >= frame.head {
                break;
            }
        }
        if let Some(written) = written {
            written.await.unwrap();
        }
        (self.pulled - before) as usize
    }
}

/// Fills a replica's file.
pub(crate) async fn fill(folder: &Path, events: usize, aggregates: usize) -> Figures {
    append(folder, events, aggregates).await
}

/// Sends a filled file to a hub.
pub(crate) async fn push(folder: &Path, url: &str) -> Figures {
    let mut client = Client::open(&folder.join("replica.redb"), Index::None, url).await;
    let watch = Watch::start();
    let events = client.push().await;
    watch.stop(events, 0)
}

/// Takes a hub's log into a fresh file.
pub(crate) async fn pull(folder: &Path, url: &str, tuned: bool) -> Figures {
    let index = if tuned { Index::Frontier } else { Index::Ids };
    let mut client = Client::open(&folder.join("fresh.redb"), index, url).await;
    let watch = Watch::start();
    let events = client.pull().await;
    watch.stop(events, 0)
}

/// Moves 100 events at a time from one replica to another: the steps of pushing, of pulling, and of
/// asking without need.
pub(crate) async fn small(folder: &Path, log: usize, rounds: usize) -> [Figures; 3] {
    let url = hub(folder, false).await;
    let mut writer = Client::open(&folder.join("writer.redb"), Index::None, &url).await;
    let mut reader = Client::open(&folder.join("reader.redb"), Index::Ids, &url).await;
    for first in (0..log).step_by(BATCH) {
        writer.store.append(batch(1, first, BATCH, 10_000), 0).await;
    }
    writer.push().await;
    reader.pull().await;
    let usage = Usage::now();
    let mut steps: [Vec<Duration>; 3] = Default::default();
    for round in 0..rounds {
        writer.store.append(batch(1, log + round * 100, 100, 10_000), 0).await;
        let begun = Instant::now();
        assert_eq!(writer.push().await, 100);
        steps[0].push(begun.elapsed());
        let begun = Instant::now();
        assert_eq!(reader.pull().await, 100);
        steps[1].push(begun.elapsed());
        let begun = Instant::now();
        assert_eq!(reader.pull().await, 0);
        steps[2].push(begun.elapsed());
    }
    let usage = usage.since();
    steps.map(|steps| Figures::of_steps(steps, &usage))
}

/// Sends 100 events at a time, each time over a connection that is opened for it.
pub(crate) async fn fresh(folder: &Path, log: usize, rounds: usize) -> Figures {
    let url = hub(folder, false).await;
    let mut writer = Client::open(&folder.join("writer.redb"), Index::None, &url).await;
    for first in (0..log).step_by(BATCH) {
        writer.store.append(batch(1, first, BATCH, 10_000), 0).await;
    }
    writer.push().await;
    let (mut steps, usage) = (Vec::new(), Usage::now());
    for round in 0..rounds {
        writer.store.append(batch(1, log + round * 100, 100, 10_000), 0).await;
        let begun = Instant::now();
        writer.pushing = grpc::call(grpc::connect(&url).await, PUSH).await;
        assert_eq!(writer.push().await, 100);
        steps.push(begun.elapsed());
    }
    Figures::of_steps(steps, &usage.since())
}

/// Sends events one by one through a hub that only forwards, to many: the time to each of them, and
/// what it takes of the hub. One fsync, at the hub.
pub(crate) async fn fan([url, hub]: [&str; 2], subscribers: usize, events: usize) -> Figures {
    let (arriving, mut arrived) = mpsc::channel(subscribers);
    let mut open = Vec::new();
    for _ in 0..subscribers {
        let (frames, mut forwarded) = grpc::call(grpc::connect(url).await, RELAY).await;
        open.push(frames);
        let arriving = arriving.clone();
        tokio::spawn(async move {
            while let Ok(Some(_)) = forwarded.message().await {
                let _ = arriving.send(Instant::now()).await;
            }
        });
    }
    let (from, _answers) = grpc::call(grpc::connect(url).await, RELAY).await;
    let (mut steps, before) = (Vec::new(), Usage::of(hub));
    for n in 0..events {
        let begun = Instant::now();
        let frame = Frame { events: batch(1, n, 1, 100), position: n as u64, head: 0 };
        from.send(frame).await.unwrap();
        for _ in 0..subscribers {
            let arrived: Instant = arrived.recv().await.unwrap();
            steps.push(arrived - begun);
        }
    }
    Figures::of_deliveries(steps, events, &before.until(&Usage::of(hub)))
}

/// Sends so many events a second, on threads of their own, through a hub that only forwards, to many: the time
/// from when an event is due to each of them.
pub(crate) async fn load(
    [url, hub]: [&str; 2],
    author: &Runtime,
    subscribers: usize,
    events: usize,
    rate: u32,
) -> Figures {
    let due: Arc<Vec<OnceLock<Instant>>> = Arc::new((0..events).map(|_| OnceLock::new()).collect());
    let mut live = JoinSet::new();
    for _ in 0..subscribers {
        let (frames, mut forwarded) = grpc::call(grpc::connect(url).await, RELAY).await;
        let due = Arc::clone(&due);
        live.spawn(async move {
            let mut times = Vec::with_capacity(due.len());
            for due in &*due {
                forwarded.message().await.unwrap().unwrap();
                times.push(due.get().unwrap().elapsed());
            }
            // Whoever left now would disturb those who are not done.
            (frames, forwarded, times)
        });
    }
    let to = url.to_owned();
    let calling = async move { grpc::call(grpc::connect(&to).await, RELAY).await };
    let (from, _answers) = author.spawn(calling).await.unwrap();
    let before = Usage::of(hub);
    let writing = async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        for (n, due) in due.iter().enumerate() {
            due.set(ticks.tick().await.into_std()).unwrap();
            let frame = Frame { events: batch(1, n, 1, 100), position: n as u64, head: 0 };
            from.send(frame).await.unwrap();
        }
        from
    };
    let _from = author.spawn(writing).await.unwrap();
    let times = live.join_all().await.into_iter().flat_map(|(_, _, times)| times).collect();
    Figures::of_deliveries(times, events, &before.until(&Usage::of(hub)))
}

/// Sends events one by one through a hub that only forwards: one fsync at the hub, one behind it.
pub(crate) async fn live(folder: &Path, events: usize) -> Figures {
    let url = hub(folder, false).await;
    let (from, _answers) = grpc::call(grpc::connect(&url).await, RELAY).await;
    let (_to, mut arriving) = grpc::call(grpc::connect(&url).await, RELAY).await;
    let mut log = RawLog::create(&folder.join("arrived"));
    let usage = Usage::now();
    let mut steps = Vec::new();
    for n in 0..events {
        let begun = Instant::now();
        let frame = Frame { events: batch(1, n, 1, 100), position: n as u64, head: 0 };
        from.send(frame).await.unwrap();
        let frame = arriving.message().await.unwrap().unwrap();
        let bytes = prost::Message::encode_to_vec(&frame);
        let write = move || {
            log.append(&bytes);
            log
        };
        log = tokio::task::spawn_blocking(write).await.unwrap();
        steps.push(begun.elapsed());
    }
    Figures::of_steps(steps, &usage.since())
}

/// Brings so many replicas with so many events each to hold the same.
pub(crate) async fn converge(folder: &Path, replicas: usize, edits: usize) -> Figures {
    let url = hub(folder, false).await;
    let mut clients = Vec::new();
    for n in 0..replicas {
        let path = folder.join(format!("{n}.redb"));
        let client = Client::open(&path, Index::Ids, &url).await;
        client.store.append(batch(n as u64, 0, edits, 10_000), 0).await;
        clients.push(client);
    }
    let watch = Watch::start();
    let mut syncing = JoinSet::new();
    for mut client in clients {
        syncing.spawn(async move {
            client.push().await;
            client
        });
    }
    let clients = syncing.join_all().await;
    let mut syncing = JoinSet::new();
    for mut client in clients {
        syncing.spawn(async move { client.pull().await });
    }
    let pulled = syncing.join_all().await;
    assert!(pulled.iter().all(|pulled| *pulled == replicas * edits));
    watch.stop(replicas * edits * replicas, 0)
}
