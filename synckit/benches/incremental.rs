//! Measures syncing 100 new events on a short and on a long log, over gRPC on loopback with
//! durable redb files on both sides.
//!
//! `cargo bench -p synckit --bench incremental`
//!
//! Each row is a log of that many events at the hub and at both replicas. Each figure is the median
//! of 41 syncs of 100 events in one commit, the connection's opening and the handshake included.
//! Syncs on the two logs take turns, so that whatever else the machine does slows both. The ratio
//! is the long log's figure over the short log's: it is what to quote.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use synckit::hub::RunningHub;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

const NEW_EVENTS: usize = 100;
const ROUNDS: usize = 41;
const EVENTS_PER_EDIT: usize = 1_000;
const LOGS: [usize; 2] = [1_000, 1_000_000];

#[sync_aggregate(name = "meter")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Meter {
    #[merge(lww)]
    label: String,
    #[merge(counter)]
    total: i64,
}

/// A hub and two replicas that hold a log of some length.
struct Offices {
    events: usize,
    hub: RunningHub,
    writer: Replica,
    reader: Replica,
    pushes: Vec<Duration>,
    pulls: Vec<Duration>,
}

#[tokio::main]
async fn main() {
    let folders = LOGS.map(|_| tempfile::tempdir().unwrap());
    let mut all = Vec::new();
    for (events, folder) in LOGS.into_iter().zip(&folders) {
        all.push(Offices::open(folder.path(), events).await);
    }
    for round in 0..ROUNDS {
        for offices in &mut all {
            offices.sync(round).await;
        }
    }
    println!("{:>10} {:>12} {:>12}", "log", "push 100", "pull 100");
    let mut medians = Vec::new();
    for offices in all {
        let (events, push, pull) = offices.close().await;
        println!("{events:>10} {:>9} us {:>9} us", push.as_micros(), pull.as_micros());
        medians.push([push.as_secs_f64(), pull.as_secs_f64()]);
    }
    let [push, pull] = [0, 1].map(|figure| medians[1][figure] / medians[0][figure]);
    println!("{:>10} {push:>12.2} {pull:>12.2}", "ratio");
}

impl Offices {
    async fn open(folder: &Path, events: usize) -> Self {
        let hub = Hub::builder().open(folder.join("hub.redb")).await.unwrap();
        let hub = hub.serve("127.0.0.1:0").await.unwrap();
        let (writer, reader) = (replica(folder, "writer").await, replica(folder, "reader").await);
        for n in 0..events / EVENTS_PER_EDIT {
            write(&writer, &format!("filler {n}"), EVENTS_PER_EDIT).await;
        }
        writer.sync_once(hub.url()).await.unwrap();
        assert_eq!(reader.sync_once(hub.url()).await.unwrap().pulled, events as u64);
        Self { events, hub, writer, reader, pushes: Vec::new(), pulls: Vec::new() }
    }

    async fn sync(&mut self, round: usize) {
        write(&self.writer, &format!("new {round}"), NEW_EVENTS).await;
        let begun = Instant::now();
        let pushed = self.writer.sync_once(self.hub.url()).await.unwrap().pushed;
        self.pushes.push(begun.elapsed());
        let begun = Instant::now();
        let pulled = self.reader.sync_once(self.hub.url()).await.unwrap().pulled;
        self.pulls.push(begun.elapsed());
        assert_eq!([pushed, pulled], [NEW_EVENTS as u64; 2]);
    }

    async fn close(self) -> (usize, Duration, Duration) {
        self.writer.close().await.unwrap();
        self.reader.close().await.unwrap();
        self.hub.shut_down().await.unwrap();
        (self.events, median(self.pushes), median(self.pulls))
    }
}

async fn replica(folder: &Path, name: &str) -> Replica {
    let path = folder.join(format!("{name}.redb"));
    Replica::builder().registry(registry![Meter]).open(path).await.unwrap()
}

async fn write(replica: &Replica, key: &str, events: usize) {
    let id = Id::<Meter>::named(key).unwrap();
    let edit = |meter: &mut synckit::Edit<'_, Meter>| (0..events).for_each(|_| meter.total.add(1));
    replica.edit(&id, edit).await.unwrap();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
