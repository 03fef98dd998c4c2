//! Measures a replica that holds one aggregate in a hundred beside one that holds the whole space, over
//! gRPC on loopback with durable redb files on both sides.
//!
//! `cargo bench -p synckit --bench parts`
//!
//! The log has 1,000,000 events (`SYNCKIT_EVENTS` sets another number), each an edit of its own, the
//! aggregates in turn: the worst case, in which every commit that a part is sent stands between hidden
//! ones. First both are synced for the first time; then, 21 times, after 1,000 more edits, of which
//! the part is sent 10. Figures of those are medians. The ratio is the part's figure over the
//! whole's: it is what to quote.
//!
//! Last, another replica fetches the whole log for the first time, and is edited every 5 ms meanwhile:
//! the time of such an edit until it is durable, and that of a read of the same aggregate.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use synckit::filter::Filter;
use synckit::hub::RunningHub;
use synckit::replica::SyncReport;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

const EVENTS: usize = 1_000_000;
const NEW_EVENTS: usize = 1_000;
const ROUNDS: usize = 21;
/// Edits that are made at the same time.
const AT_ONCE: usize = 1_000;
const AGGREGATES: usize = 10_000;

#[sync_aggregate(name = "meter")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Meter {
    #[merge(lww)]
    label: String,
}

#[tokio::main]
async fn main() {
    let events = std::env::var("SYNCKIT_EVENTS").map_or(EVENTS, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::builder().open(folder.path().join("hub.redb")).await.unwrap();
    let hub = hub.serve("127.0.0.1:0").await.unwrap();
    let writer = replica(folder.path(), "writer", None).await;
    let mut made = 0;
    write(&writer, &mut made, events).await;
    writer.sync_once(hub.url()).await.unwrap();
    let whole = replica(folder.path(), "whole", None).await;
    let filter = Filter::new().keyed::<Meter>("07/");
    let part = replica(folder.path(), "part", Some(filter)).await;
    println!("{:>14} {:>12} {:>12} {:>7}", "", "whole", "part", "ratio");
    let [all, some] = [sync(&whole, &hub).await, sync(&part, &hub).await];
    assert_eq!(all.pulled, events as u64);
    row("first, events", [all.pulled as f64, some.pulled as f64]);
    row("first, bytes", [all.bytes_pulled as f64, some.bytes_pulled as f64]);
    row("first, ms", [all.took.as_secs_f64() * 1e3, some.took.as_secs_f64() * 1e3]);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        write(&writer, &mut made, NEW_EVENTS).await;
        writer.sync_once(hub.url()).await.unwrap();
        rounds.push([sync(&whole, &hub).await, sync(&part, &hub).await]);
    }
    let figure = |of: &dyn Fn(&SyncReport) -> f64| {
        [0, 1].map(|side| median(rounds.iter().map(|reports| of(&reports[side])).collect()))
    };
    row("then, events", figure(&|report| report.pulled as f64));
    row("then, bytes", figure(&|report| report.bytes_pulled as f64));
    row("then, us", figure(&|report| report.took.as_secs_f64() * 1e6));
    let busy = replica(folder.path(), "busy", None).await;
    let [edits, reads] = beside_a_catch_up(&busy, &hub).await;
    println!("{:>14} {:>12} {:>12} {:>12}", "meanwhile, us", "median", "p99", "most");
    for (name, mut times) in [("edits", edits), ("reads", reads)] {
        times.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        let (median, p99, most) = (at(50), at(99), at(100));
        println!("{name:>14} {median:>12.0} {p99:>12.0} {most:>12.0}   of {}", times.len());
    }
    for replica in [writer, whole, part, busy] {
        replica.close().await.unwrap();
    }
    hub.shut_down().await.unwrap();
}

fn row(name: &str, [whole, part]: [f64; 2]) {
    println!("{name:>14} {whole:>12.0} {part:>12.0} {:>7.4}", part / whole);
}

async fn sync(replica: &Replica, hub: &RunningHub) -> SyncReport {
    replica.sync_once(hub.url()).await.unwrap()
}

async fn replica(folder: &Path, name: &str, filter: Option<Filter>) -> Replica {
    let builder = Replica::builder().registry(registry![Meter]);
    let builder = match filter {
        Some(filter) => builder.filter(filter),
        None => builder,
    };
    builder.open(folder.join(format!("{name}.redb"))).await.unwrap()
}

/// The times, in microseconds, of edits and of reads while a replica fetches a log.
async fn beside_a_catch_up(replica: &Replica, hub: &RunningHub) -> [Vec<f64>; 2] {
    let (syncing, address) = (replica.clone(), hub.url());
    let fetching = tokio::spawn(async move { syncing.sync_once(address).await.unwrap() });
    let id = Id::<Meter>::named("busy").unwrap();
    let [mut edits, mut reads] = [Vec::new(), Vec::new()];
    while !fetching.is_finished() {
        let begun = Instant::now();
        replica.edit(&id, |it| it.label.set("meanwhile")).await.unwrap();
        edits.push(begun.elapsed().as_secs_f64() * 1e6);
        let begun = Instant::now();
        assert!(replica.get(&id).await.unwrap().is_some(), "an acknowledged edit is read");
        reads.push(begun.elapsed().as_secs_f64() * 1e6);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fetching.await.unwrap();
    [edits, reads]
}

/// Makes so many edits, many at a time.
async fn write(replica: &Replica, made: &mut usize, count: usize) {
    let end = *made + count;
    while *made < end {
        let edits: Vec<_> = (*made..end.min(*made + AT_ONCE))
            .map(|number| {
                let replica = replica.clone();
                tokio::spawn(async move {
                    let key = format!("{:02}/{}", number % 100, number % AGGREGATES / 100);
                    let label =
                        format!("reading {number}, taken on the way, nothing to be seen there");
                    let id = Id::<Meter>::named(&key).unwrap();
                    replica.edit(&id, |it| it.label.set(label)).await.unwrap();
                })
            })
            .collect();
        *made += edits.len();
        for edit in edits {
            edit.await.unwrap();
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
