//! `synckit ls`: the aggregates of a store.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use synckit::clock::Hlc;
use synckit::id::{AggregateId, Name, Position};

use crate::exit::Exit;
use crate::files::{Blocks, FileSource};
use crate::output::{Columns, Output};
use synckit::show::time_of;

/// List the aggregates that a log has events of
#[derive(Args, Debug)]
pub(crate) struct Ls {
    #[command(flatten)]
    source: FileSource,
    /// Only those of this type
    kind: Option<Name>,
}

#[derive(Default)]
struct OfAggregate {
    events: u64,
    last: Hlc,
}

impl Ls {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let store = self.source.open().await?;
        let mut columns = Columns::default();
        for space in self.source.spaces(&store).await? {
            let mut listed: BTreeMap<AggregateId, OfAggregate> = BTreeMap::new();
            let mut blocks = Blocks::of(&store, &space.id, Position::START);
            loop {
                let page = blocks.next().await?;
                if page.is_empty() {
                    break;
                }
                for entry in page.iter().flat_map(|log| log.block.entries()) {
                    let aggregate = entry.aggregate();
                    if self.kind.as_ref().is_some_and(|kind| aggregate.kind != *kind) {
                        continue;
                    }
                    let listed = listed.entry(aggregate.clone()).or_default();
                    listed.events += 1;
                    listed.last = listed.last.max(entry.hlc());
                }
            }
            for (id, OfAggregate { events, last }) in listed {
                if out.is_json() {
                    out.line(json!({
                        "space": space.id.as_str(),
                        "type": id.kind.as_str(),
                        "key": id.key.to_string(),
                        "events": events,
                        "last": time_of(last),
                    }))?;
                } else {
                    columns.row([
                        space.id.to_string(),
                        id.kind.to_string(),
                        id.key.to_string(),
                        format!("{events} events"),
                        time_of(last),
                    ]);
                }
            }
        }
        columns.lines().try_for_each(|line| out.line(line))
    }
}
