//! `synckit explain`: which events stand last in what became of an aggregate.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use synckit::envelope::Seen;
use synckit::id::{AggregateId, Dot, Key, Name, Position};
use synckit::log::LogBlock;

use crate::exit::{Cause, Exit};
use crate::files::FileSource;
use crate::output::Output;
use crate::types::TypesFile;
use synckit::show::ShownEvent;

/// Show of each kind of event of an aggregate those that no later one had seen: what a field shows comes of
/// these
#[derive(Args, Debug)]
pub(crate) struct Explain {
    #[command(flatten)]
    source: FileSource,
    /// Name of the aggregate's type
    kind: Name,
    /// Its key, as `synckit ls` prints it
    key: Key,
    /// One kind of event; all of them otherwise
    #[arg(long, value_name = "NAME")]
    event: Option<Name>,
    #[command(flatten)]
    types: TypesFile,
}

/// Events of one name, and those among them that no later one had seen.
#[derive(Default)]
struct LastEvents {
    events: u64,
    last: Vec<(LogBlock, Position, Dot)>,
}

impl Explain {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let told = self.types.read()?;
        let store = self.source.open().await?;
        let aggregate = AggregateId { kind: self.kind.clone(), key: self.key.clone() };
        let mut found = false;
        for space in self.source.spaces(&store).await? {
            let types = told.of(&store, &space.id).await;
            let types = types.map_err(|error| Exit::of_store(&error))?;
            let mut all: BTreeMap<Name, LastEvents> = BTreeMap::new();
            let mut after = Position::START;
            loop {
                let page = store.history(&space.id, &aggregate, after).await;
                let page = page.map_err(|error| Exit::of_store(&error))?;
                for log in &page.blocks {
                    for (position, entry) in log.after(after.max(log.start)) {
                        let name = &entry.event().name;
                        let wanted = self.event.as_ref().is_none_or(|event| event == name);
                        if wanted && *entry.aggregate() == aggregate {
                            let of_name = all.entry(name.clone()).or_default();
                            of_name.add(
                                log,
                                position,
                                entry.dot(),
                                &entry.seen().collect::<Vec<_>>(),
                            );
                        }
                    }
                }
                if page.through >= page.head || page.through == after {
                    break;
                }
                after = page.through;
            }
            for (name, LastEvents { events, last }) in all {
                found = true;
                let shown = last.iter().filter_map(|(log, position, _)| {
                    let (_, entry) = log.after(Position(position.0 - 1)).next()?;
                    let event =
                        ShownEvent { space: &space.id, position: *position, entry, types: &types };
                    Some(if out.is_json() { event.json() } else { out.event(&event).into() })
                });
                let shown: Vec<_> = shown.collect();
                if out.is_json() {
                    let space = space.id.as_str();
                    out.line(json!({
                        "space": space, "event": name.as_str(), "events": events, "last": shown,
                    }))?;
                    continue;
                }
                let concurrent = if shown.len() > 1 { ", concurrent" } else { "" };
                out.line(format!("{name}: {events} events, {} last{concurrent}", shown.len()))?;
                for line in shown.iter().filter_map(|line| line.as_str()) {
                    out.line(line)?;
                }
            }
        }
        if found {
            return Ok(());
        }
        let text = format!("no such event of {}/{} is here", self.kind, self.key);
        Err(Exit::new(Cause::Found, format!("{text}; `synckit ls` lists what is")))
    }
}

impl LastEvents {
    /// Adds an event in the order of the log, which is causal: it takes the place of those that its author
    /// had seen.
    fn add(&mut self, log: &LogBlock, position: Position, dot: Dot, seen: &[Seen]) {
        self.events += 1;
        let is_seen = |head: Dot| {
            let own = head.replica == dot.replica && head.seq < dot.seq;
            own || seen.iter().any(|row| row.on.author == head.replica && head.seq <= row.seq)
        };
        self.last.retain(|(_, _, head)| !is_seen(*head));
        self.last.push((log.clone(), position, dot));
    }
}
