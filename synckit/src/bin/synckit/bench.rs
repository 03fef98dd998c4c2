//! `synckit bench`: this machine and its disk, as ratios to a raw file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use synckit::Hub;
use synckit::block::{Block, BlockPacker};
use synckit::chain::CommitId;
use synckit::clock::{Hlc, UnixMillis};
use synckit::envelope::{Context, Envelope, Metadata};
use synckit::event::EventRef;
use synckit::id::{AggregateId, Dot, Key, Name, SpaceId};
use synckit::key::ReplicaKey;
use synckit::log::Source;
use synckit::replica::SyncOptions;
use synckit::store::{Append, Batch, EventStore};

use crate::exit::{Cause, Exit};
use crate::files::make;
use crate::output::{Columns, Output};

/// Bytes of an event's payload.
const PAYLOAD_BYTES: usize = 107;
/// Rounds, of which the median counts.
const ROUNDS: usize = 5;

/// Measure this machine: durable commits and a sync, beside a raw file with as many bytes
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Folder on the disk that is measured
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Events of each round of large commits
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    events: u32,
}

/// Commits of one size: how many there are, and how many events each has.
#[derive(Clone, Copy)]
struct Load {
    commits: usize,
    events: usize,
}

impl Bench {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let unmade =
            |error| Exit::settings(format!("make a file in {}: {error}", self.folder.display()));
        let folder = Scratch::new(&self.folder).map_err(unmade)?;
        let large = Load {
            commits: usize::try_from(self.events).unwrap_or(usize::MAX) / 1_000,
            events: 1_000,
        };
        let small = Load { commits: 100, events: 1 };
        let mut table = Columns::default();
        table.row(["".into(), "events/s".into(), "raw file, events/s".into(), "ratio".into()]);
        for (what, load) in [("commits of 1 event", small), ("commits of 1,000 events", large)] {
            let (mut ours, mut raw) = (Vec::new(), Vec::new());
            for round in 0..ROUNDS {
                let blocks = blocks(load, round)?;
                // One after the other, so that both meet the machine in the same mood.
                raw.push(
                    to_file(&folder.path(&format!("raw-{}-{round}", load.events)), &blocks)
                        .map_err(unmade)?,
                );
                ours.push(
                    to_store(&folder.path(&format!("store-{}-{round}", load.events)), blocks)
                        .await?
                        .1,
                );
            }
            row(out, &mut table, what, load, (median(ours), median(raw)))?;
        }
        let (mut synced, mut raw) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let blocks = blocks(large, round)?;
            raw.push(to_file(&folder.path(&format!("raw-sync-{round}")), &blocks).map_err(unmade)?);
            let store = to_store(&folder.path(&format!("from-{round}")), blocks).await?.0;
            synced.push(sync(store, &folder.path(&format!("hub-{round}"))).await?);
        }
        row(out, &mut table, "push to a durable hub", large, (median(synced), median(raw)))?;
        if out.is_json() {
            return Ok(());
        }
        table.lines().try_for_each(|line| out.line(line))?;
        out.line(format!(
            "\n{PAYLOAD_BYTES} bytes an event; each commit durable on its own, in the file by one fsync;\n\
             medians of {ROUNDS} rounds; the hub is in this process, over gRPC on loopback"
        ))
    }
}

fn row(
    out: &mut Output,
    table: &mut Columns,
    what: &str,
    load: Load,
    (ours, raw): (Duration, Duration),
) -> Result<(), Exit> {
    let count = f64::from(u32::try_from(load.commits * load.events).unwrap_or(u32::MAX));
    let rate = |took: Duration| count / took.as_secs_f64().max(1e-9);
    let ratio = rate(ours) / rate(raw);
    if out.is_json() {
        return out.line(json!({
            "what": what,
            "events_per_second": rate(ours).round(),
            "raw_events_per_second": rate(raw).round(),
            "ratio": (ratio * 1_000.0).round() / 1_000.0,
        }));
    }
    let of = |rate: f64| format!("{rate:.0}");
    table.row([what.to_owned(), of(rate(ours)), of(rate(raw)), format!("{ratio:.2}")]);
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Blocks of one author, each a commit.
fn blocks(load: Load, round: usize) -> Result<Vec<Block>, Exit> {
    let impossible = |error: String| Exit::new(Cause::Running, error);
    let space = SpaceId::default();
    let key = ReplicaKey::from_seed(&[u8::try_from(round).unwrap_or(u8::MAX); 32]);
    let name = |text| Name::new(text).map_err(|error| impossible(error.to_string()));
    let event = EventRef { name: name("bench.written")?, version: 1, min_reader: 1 };
    let kind = name("bench")?;
    let mut last = CommitId::root(&space, key.id());
    let mut blocks = Vec::with_capacity(load.commits);
    for _ in 0..load.commits {
        let mut commit = Vec::with_capacity(load.events);
        for index in 0..load.events {
            let seq = last.seq + 1 + index as u64;
            let about = Key::new(format!("{}", seq % 10_000).as_bytes());
            let about = about.map_err(|error| impossible(error.to_string()))?;
            commit.push(Envelope {
                dot: Dot { replica: key.id(), seq },
                aggregate: AggregateId { kind: kind.clone(), key: about },
                event: event.clone(),
                hlc: Hlc::new(UnixMillis::new(1_700_000_000_000 + seq), 0),
                context: Context::new(),
                last: index + 1 == load.events,
                metadata: Metadata::new(),
                extensions: Bytes::new(),
                payload: Bytes::from(vec![u8::try_from(seq % 251).unwrap_or(0); PAYLOAD_BYTES]),
                tombstone: false,
            });
        }
        let mut packer = BlockPacker::new(space.clone());
        let nonce = round as u64;
        let end = packer.push_commit(&last, nonce, &commit);
        last = end.map_err(|error| impossible(error.to_string()))?;
        blocks.extend(packer.finish(|end| end.sign(&key)));
    }
    Ok(blocks)
}

/// Writes blocks behind each other, each durable before the next.
fn to_file(path: &Path, blocks: &[Block]) -> std::io::Result<Duration> {
    let mut file = File::create_new(path)?;
    let begun = Instant::now();
    for block in blocks {
        file.write_all(block.bytes())?;
        file.sync_data()?;
    }
    Ok(begun.elapsed())
}

async fn to_store(path: &Path, blocks: Vec<Block>) -> Result<(EventStore, Duration), Exit> {
    let store = make(path)?;
    let begun = Instant::now();
    for block in blocks {
        let mut batch = Batch::new(SpaceId::default());
        batch.append.push(Append::new(block, Source::Peer));
        store.commit(batch).await.map_err(|error| Exit::of_store(&error))?;
    }
    Ok((store, begun.elapsed()))
}

async fn sync(store: EventStore, path: &Path) -> Result<Duration, Exit> {
    let failed = |error| Exit::of_sync(&error);
    let hub = Hub::builder().open(path).await.map_err(failed)?;
    let running = hub.serve("127.0.0.1:0").await.map_err(failed)?;
    let from = Hub::builder().over(Arc::new(store));
    let begun = Instant::now();
    let synced = from.sync_once(&SpaceId::default(), running.url(), SyncOptions::new()).await;
    synced.map_err(failed)?;
    let took = begun.elapsed();
    running.shut_down().await.map_err(failed)?;
    Ok(took)
}

/// A folder that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(format!(".synckit-bench-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
