//! `synckit inspect`: what a store holds, in numbers.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use synckit::clock::Hlc;
use synckit::id::{Name, Position};
use synckit::log::LogBlock;
use synckit::store::{EventStore, StoredSpace};

use crate::exit::{Cause, Exit};
use crate::files::{Blocks, FileSource};
use crate::output::{Columns, Output};
use crate::policy;
use synckit::schema::TypesText;
use synckit::show::plain;
use synckit::show::time_of;

/// Show what a store holds: spaces, authors, peers, types, sizes
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    #[command(flatten)]
    source: FileSource,
}

/// Counts of the things in a log.
#[derive(Default)]
struct LogCounts {
    events: u64,
    blocks: u64,
    bytes: u64,
    commits: u64,
    first: Option<Hlc>,
    last: Option<Hlc>,
    types: BTreeMap<Name, BTreeMap<Name, u64>>,
}

impl LogCounts {
    fn add(&mut self, log: &LogBlock) {
        self.blocks += 1;
        self.bytes += log.block.bytes().len() as u64;
        for entry in log.block.entries() {
            self.events += 1;
            self.commits += u64::from(entry.last());
            let hlc = entry.hlc();
            self.first = Some(self.first.map_or(hlc, |first| first.min(hlc)));
            self.last = Some(self.last.map_or(hlc, |last| last.max(hlc)));
            let of_type = self.types.entry(entry.aggregate().kind.clone()).or_default();
            *of_type.entry(entry.event().name.clone()).or_default() += 1;
        }
    }
}

impl Inspect {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let store = self.source.open().await?;
        let size = self.source.file().metadata();
        let size = size.map_err(|error| Exit::new(Cause::Store, error))?.len();
        let (key, earlier) = (store.key().id(), store.earlier_keys());
        let spaces = self.source.spaces(&store).await?;
        out.tell(
            || {
                let file = self.source.file().display().to_string();
                json!({ "file": file, "bytes": size, "key": key.to_string(), "earlier_keys": earlier })
            },
            || format!("{}  {}\nkey {key}{}", self.source.file().display(), bytes(size), before(earlier)),
        )?;
        for space in spaces {
            self.space(&store, &space, out).await?;
        }
        Ok(())
    }

    async fn space(
        &self,
        store: &EventStore,
        space: &StoredSpace,
        out: &mut Output,
    ) -> Result<(), Exit> {
        let id = &space.id;
        let failed = |error| Exit::of_store(&error);
        let mut counts = LogCounts::default();
        let mut blocks = Blocks::of(store, id, Position::START);
        loop {
            let page = blocks.next().await?;
            if page.is_empty() {
                break;
            }
            page.iter().for_each(|log| counts.add(log));
        }
        let branches = store.branches(id).await.map_err(failed)?;
        let acks = store.acks(id).await.map_err(failed)?;
        let filter = store.filter(id).await.map_err(failed)?;
        let parked = space.states.as_ref().map_or(0, |mark| mark.parked);
        let told = store.types(id).await.map_err(failed)?;
        let kept = store.policy(id).await.map_err(failed)?;
        let (authors, forks) = (branches.authors().len(), branches.forks());
        if out.is_json() {
            let types: BTreeMap<_, BTreeMap<_, _>> = counts
                .types
                .iter()
                .map(|(kind, events)| {
                    let events = events.iter().map(|(name, count)| (name.as_str(), *count));
                    (kind.as_str(), events.collect())
                })
                .collect();
            let heads = branches
                .heads()
                .map(|head| json!({ "author": head.author.to_string(), "seq": head.seq }));
            let peers = acks.iter().map(|(peer, ack)| {
                json!({ "peer": peer.to_string(), "is_hub": ack.is_hub, "holds": ack.through.0 })
            });
            return out.line(json!({
                "space": id.as_str(),
                "begins": space.begins.0,
                "ends": space.end.position.0,
                "events": counts.events,
                "commits": counts.commits,
                "blocks": counts.blocks,
                "log_bytes": counts.bytes,
                "first": counts.first.map(time_of),
                "last": counts.last.map(time_of),
                "authors": authors,
                "branches": heads.collect::<Value>(),
                "forks": forks.len(),
                "folded": space.states.as_ref().map(|mark| mark.position.0),
                "conflicts": space.states.as_ref().map(|mark| mark.conflicts),
                "deleted": space.states.as_ref().map(|mark| mark.deleted),
                "parked": parked,
                "filter": filter.as_ref().map(ToString::to_string),
                "policy": kept.as_ref().map(policy::as_json),
                "peers": peers.collect::<Value>(),
                "types": types,
                "told_types": told.iter().map(TypesText::as_str).collect::<Value>(),
            }));
        }
        let mut rows = Columns::default();
        let mut row = |name: &str, value: String| rows.row([format!("  {name}"), value]);
        row(
            "log",
            format!(
                "{} events in {} commits and {} blocks, {}",
                counts.events,
                counts.commits,
                counts.blocks,
                bytes(counts.bytes)
            ),
        );
        if space.begins > Position::START {
            row("pruned", format!("everything up to position {}", space.begins.0));
        }
        if let (Some(first), Some(last)) = (counts.first, counts.last) {
            row("dated", format!("{} to {}", time_of(first), time_of(last)));
        }
        row("authors", format!("{authors}, {} forks", forks.len()));
        if let Some(mark) = &space.states {
            row(
                "states",
                format!(
                    "folded up to {} of {}, {} open conflicts, {} deleted, {parked} events parked",
                    mark.position.0, space.end.position.0, mark.conflicts, mark.deleted
                ),
            );
        }
        if let Some(filter) = &filter {
            row("part", plain(&filter.to_string()));
        }
        if let Some(kept) = &kept {
            row("policy", policy::as_text(kept));
        }
        for (peer, ack) in &acks {
            let what = if ack.is_hub { "hub" } else { "replica" };
            row("peer", format!("{what} {peer:.8} holds up to {}", ack.through.0));
        }
        if !told.is_empty() {
            let bytes_of = told.iter().map(|text| text.as_str().len() as u64).sum();
            row("types", format!("told by replicas in {} texts, {}", told.len(), bytes(bytes_of)));
        }
        for (kind, events) in &counts.types {
            let total: u64 = events.values().sum();
            row("type", format!("{}  {total} events", plain(kind.as_str())));
            for (name, count) in events {
                row("", format!("  {}  {count}", plain(name.as_str())));
            }
        }
        out.line(format!("\nspace {}", plain(id.as_str())))?;
        rows.lines().try_for_each(|line| out.line(line))
    }
}

fn before(earlier: u32) -> String {
    if earlier == 0 { String::new() } else { format!(", and {earlier} before it") }
}

/// A number of bytes as people read it.
fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in UNITS {
        if count >= size {
            let tenths = count / (size / 10).max(1);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{count} bytes")
}
