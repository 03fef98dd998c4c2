//! What syncing 100 new events costs on a short and on a long log, over gRPC on loopback with
//! durable redb files on both sides.
//!
//! `cargo bench -p synckit --bench incremental`
//!
//! Each row is a log of that many events at the hub and at both replicas. Each figure is the median
//! of 21 syncs of 100 events in one commit, the connection's opening and the handshake included.
//! The ratio is the long log's figure over the short log's, of the same run: it is what to quote.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use synckit::{Hub, Id, Replica, registry, sync_aggregate};

const NEW_EVENTS: usize = 100;
const ROUNDS: usize = 21;
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

struct Measured {
    push: Duration,
    pull: Duration,
}

#[tokio::main]
async fn main() {
    println!("{:>10} {:>12} {:>12}", "log", "push 100", "pull 100");
    let mut rows = Vec::new();
    for events in LOGS {
        let folder = tempfile::tempdir().unwrap();
        let measured = measure(folder.path(), events).await;
        println!(
            "{events:>10} {:>9} us {:>9} us",
            measured.push.as_micros(),
            measured.pull.as_micros()
        );
        rows.push(measured);
    }
    let ratio = |figure: fn(&Measured) -> Duration| {
        figure(&rows[1]).as_secs_f64() / figure(&rows[0]).as_secs_f64()
    };
    println!("{:>10} {:>12.2} {:>12.2}", "ratio", ratio(|m| m.push), ratio(|m| m.pull));
}

async fn measure(folder: &Path, events: usize) -> Measured {
    let hub = Hub::builder().open(folder.join("hub.redb")).await.unwrap();
    let hub = hub.serve("127.0.0.1:0").await.unwrap();
    let (writer, reader) = (replica(folder, "writer").await, replica(folder, "reader").await);
    for n in 0..events / EVENTS_PER_EDIT {
        write(&writer, &format!("filler {n}"), EVENTS_PER_EDIT).await;
    }
    writer.sync_once(hub.url()).await.unwrap();
    assert_eq!(reader.sync_once(hub.url()).await.unwrap().pulled, events as u64);

    let (mut pushes, mut pulls) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        write(&writer, &format!("new {round}"), NEW_EVENTS).await;
        let begun = Instant::now();
        assert_eq!(writer.sync_once(hub.url()).await.unwrap().pushed, NEW_EVENTS as u64);
        pushes.push(begun.elapsed());
        let begun = Instant::now();
        assert_eq!(reader.sync_once(hub.url()).await.unwrap().pulled, NEW_EVENTS as u64);
        pulls.push(begun.elapsed());
    }
    writer.close().await.unwrap();
    reader.close().await.unwrap();
    hub.shut_down().await.unwrap();
    Measured { push: median(pushes), pull: median(pulls) }
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
