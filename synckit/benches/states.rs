//! Measures an edit of an aggregate with 100,000 entries in a durable file, and a checkpoint after it,
//! beside writing its state as one row of redb.
//!
//! `cargo bench -p synckit --bench states`
//!
//! Figures are medians of 21 rounds. The ratio is that of the checkpoint over the row: it is what to
//! quote. An edit is durable when it returns; what a checkpoint adds is that an opening need not fold
//! it again.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redb::{Database, TableDefinition};
use synckit::{Id, Replica, registry, sync_aggregate};

const ENTRIES: usize = 100_000;
/// Entries that one edit inserts while the list grows.
const AT_ONCE: usize = 1_000;
const ROUNDS: usize = 21;

#[sync_aggregate(name = "checklist")]
#[derive(Clone, Debug, Default)]
struct Checklist {
    #[merge(lww)]
    title: String,
    #[merge(set)]
    entries: BTreeSet<String>,
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica.redb");
    let replica = open(&path).await;
    let id = Id::<Checklist>::named("long").unwrap();
    for first in (0..ENTRIES).step_by(AT_ONCE) {
        let grow = |it: &mut synckit::Edit<'_, Checklist>| {
            (first..first + AT_ONCE).for_each(|n| it.entries.insert(entry(n)));
        };
        replica.edit(&id, grow).await.unwrap();
    }
    replica.checkpoint().await.unwrap();
    let (mut edits, mut checkpoints) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let change = |it: &mut synckit::Edit<'_, Checklist>| match round % 2 {
            0 => it.title.set(format!("title {round}")),
            _ => it.entries.insert(entry(ENTRIES + round * 7_919)),
        };
        replica.edit(&id, change).await.unwrap();
        edits.push(begun.elapsed());
        let begun = Instant::now();
        replica.checkpoint().await.unwrap();
        checkpoints.push(begun.elapsed());
    }
    replica.close().await.unwrap();
    let begun = Instant::now();
    let replica = open(&path).await;
    let length = replica.get(&id).await.unwrap().unwrap().entries.len();
    let opened = begun.elapsed();
    assert!(length > ENTRIES);

    // About what such a state is encoded in.
    let state = vec![7; ENTRIES * 86];
    let database = Database::create(folder.path().join("row.redb")).unwrap();
    let mut rows = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let txn = database.begin_write().unwrap();
        let table = TableDefinition::<&[u8], &[u8]>::new("states");
        txn.open_table(table).unwrap().insert(&b"long"[..], &state[..]).unwrap();
        txn.commit().unwrap();
        rows.push(begun.elapsed());
    }
    let [edit, checkpoint, row] = [edits, checkpoints, rows].map(median);
    println!("an edit: {edit:.1?}; opening, and showing all {length} entries: {opened:.0?}");
    println!(
        "a checkpoint: {checkpoint:.1?}; one row of {} bytes: {row:.1?}; ratio {:.2}",
        state.len(),
        checkpoint.as_secs_f64() / row.as_secs_f64()
    );
}

async fn open(path: &std::path::Path) -> Replica {
    Replica::builder().registry(registry![Checklist]).open(path).await.unwrap()
}

fn entry(n: usize) -> String {
    format!("{:016x}, an entry of a checklist", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
