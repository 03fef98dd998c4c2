//! `synckit cat`, `synckit tail` and `synckit history`: events of a store.

use std::collections::VecDeque;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use synckit::block::Entry;
use synckit::envelope::Seen;
use synckit::id::{AggregateId, Key, Name, Position, SpaceId};
use synckit::log::LogBlock;
use synckit::store::EventStore;
use tokio::task::JoinSet;

use crate::exit::{Cause, Exit};
use crate::files::{Blocks, FileSource};
use crate::output::Output;
use crate::types::TypesFile;
use synckit::show::{EventTypes, ShownEvent, SpaceTypes};

/// Most lines that `tail` begins with.
const TAIL_LINES_MAX: usize = 10_000;

/// Print the events of a log, in its order
#[derive(Args, Debug)]
pub(crate) struct Cat {
    #[command(flatten)]
    source: FileSource,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    types: TypesFile,
    /// Begins behind this position of the log
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after: u64,
    /// Prints no more than so many
    #[arg(long, value_name = "COUNT", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
}

/// Print the last events of a log, and those that follow as they are written
#[derive(Args, Debug)]
pub(crate) struct TailLog {
    #[command(flatten)]
    source: FileSource,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    types: TypesFile,
    /// Events to begin with
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 10)]
    lines: usize,
    /// Ends after the last event instead of waiting for more
    #[arg(long)]
    no_follow: bool,
}

/// Print the events of one aggregate, and what each one's author had seen of it
#[derive(Args, Debug)]
pub(crate) struct History {
    #[command(flatten)]
    source: FileSource,
    /// Name of the aggregate's type
    kind: Name,
    /// Its key, as `synckit ls` prints it
    key: Key,
    #[command(flatten)]
    types: TypesFile,
}

/// Events that are wanted; all of them where nothing is said.
#[derive(Args, Debug)]
struct Only {
    /// Of aggregates of this type
    #[arg(long = "type", value_name = "NAME")]
    kind: Option<Name>,
    /// Of the aggregate with this key
    #[arg(long)]
    key: Option<Key>,
    /// With this name
    #[arg(long, value_name = "NAME")]
    event: Option<Name>,
    /// By the author whose id begins so
    #[arg(long, value_name = "DIGITS")]
    author: Option<String>,
    /// With this entry of metadata
    #[arg(long, value_name = "KEY=VALUE", value_parser = entry)]
    metadata: Option<(String, String)>,
}

fn entry(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let parts = parts.map(|(key, value)| (key.to_owned(), value.to_owned()));
    parts.ok_or_else(|| "write the key, `=` and the value".to_owned())
}

impl Only {
    fn takes(&self, entry: &Entry<'_>) -> bool {
        let aggregate = entry.aggregate();
        self.kind.as_ref().is_none_or(|kind| aggregate.kind == *kind)
            && self.key.as_ref().is_none_or(|key| aggregate.key == *key)
            && self.event.as_ref().is_none_or(|name| entry.event().name == *name)
            && self
                .author
                .as_ref()
                .is_none_or(|author| entry.dot().replica.to_string().starts_with(author.as_str()))
            && self
                .metadata
                .as_ref()
                .is_none_or(|(key, value)| entry.metadata().get(key) == Some(value.as_str()))
    }
}

impl Cat {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let (told, store) = (self.types.read()?, self.source.open().await?);
        let mut print = Printer { out, told, types: Arc::default() };
        let mut left = self.limit;
        for space in self.source.spaces(&store).await? {
            let after = Position(self.after);
            print.begin(&store, &space.id).await?;
            let mut blocks = Blocks::of(&store, &space.id, after);
            loop {
                let before = blocks.through();
                let page = blocks.next().await?;
                if page.is_empty() {
                    break;
                }
                for (_, position, entry) in entries(&page, before) {
                    if left == 0 {
                        return Ok(());
                    }
                    if self.only.takes(&entry) {
                        left -= 1;
                        print.event(&space.id, position, entry)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl TailLog {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        if self.lines > TAIL_LINES_MAX {
            return Err(Exit::settings(format!(
                "tail begins with at most {TAIL_LINES_MAX} events"
            )));
        }
        let (told, store) = (self.types.read()?, self.source.open().await?);
        let mut print = Printer { out, told, types: Arc::default() };
        let spaces = self.source.spaces(&store).await?;
        let mut ends = Vec::new();
        for space in spaces {
            let end = self.last(&store, &space.id, space.end.position, &mut print).await?;
            ends.push((space.id, end));
        }
        print.out.flush()?;
        if self.no_follow {
            return Ok(());
        }
        self.follow(&Arc::new(store), ends, &mut print).await
    }

    /// Prints the last events of a log, and returns where it ended.
    async fn last(
        &self,
        store: &EventStore,
        space: &SpaceId,
        head: Position,
        print: &mut Printer<'_>,
    ) -> Result<Position, Exit> {
        // Further and further back, until there are enough of those that are wanted.
        let mut distance = 4 * self.lines as u64;
        loop {
            let after = Position(head.0.saturating_sub(distance));
            let mut last = VecDeque::with_capacity(self.lines);
            let mut blocks = Blocks::of(store, space, after);
            loop {
                let before = blocks.through();
                let page = blocks.next().await?;
                if page.is_empty() {
                    break;
                }
                for (index, log) in page.iter().enumerate() {
                    for (_, position, entry) in entries(&page[index..=index], before.max(log.start))
                    {
                        if self.only.takes(&entry) {
                            last.push_back((log.clone(), position));
                            if last.len() > self.lines {
                                last.pop_front();
                            }
                        }
                    }
                }
            }
            if last.len() < self.lines && after > Position::START {
                distance = distance.saturating_mul(8);
                continue;
            }
            print.begin(store, space).await?;
            for (log, position) in &last {
                let before = Position(position.0 - 1);
                if let Some((_, entry)) = log.after(before).next() {
                    print.event(space, *position, entry)?;
                }
            }
            return Ok(blocks.through().max(head));
        }
    }

    /// Prints what is written from here on, without end.
    async fn follow(
        &self,
        store: &Arc<EventStore>,
        ends: Vec<(SpaceId, Position)>,
        print: &mut Printer<'_>,
    ) -> Result<(), Exit> {
        let mut waiting = JoinSet::new();
        let wait = |waiting: &mut JoinSet<_>, space: SpaceId, through: Position| {
            let store = Arc::clone(store);
            waiting.spawn(async move {
                let moved = store.moved(&space, through).await;
                (space, through, moved)
            });
        };
        for (space, through) in ends {
            wait(&mut waiting, space, through);
        }
        while let Some(moved) = waiting.join_next().await {
            let (space, before, moved) = moved.map_err(|error| Exit::new(Cause::Running, error))?;
            moved.map_err(|error| Exit::of_store(&error))?;
            print.begin(store, &space).await?;
            let mut blocks = Blocks::of(store, &space, before);
            let page = blocks.next().await?;
            for (_, position, entry) in entries(&page, before) {
                if self.only.takes(&entry) {
                    print.event(&space, position, entry)?;
                }
            }
            print.out.flush()?;
            let through = blocks.through();
            wait(&mut waiting, space, through);
        }
        Ok(())
    }
}

impl History {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let (told, store) = (self.types.read()?, self.source.open().await?);
        let mut print = Printer { out, told, types: Arc::default() };
        let aggregate = AggregateId { kind: self.kind.clone(), key: self.key.clone() };
        let mut found = false;
        for space in self.source.spaces(&store).await? {
            print.begin(&store, &space.id).await?;
            let mut after = Position::START;
            loop {
                let page = store.history(&space.id, &aggregate, after).await;
                let page = page.map_err(|error| Exit::of_store(&error))?;
                for (log, position, entry) in entries(&page.blocks, after) {
                    if *entry.aggregate() == aggregate {
                        found = true;
                        print.history(log, position, entry)?;
                    }
                }
                if page.through >= page.head || page.through == after {
                    break;
                }
                after = page.through;
            }
        }
        if found {
            return Ok(());
        }
        Err(Exit::new(
            Cause::Found,
            format!("no event of {}/{} is here; `synckit ls` lists what is", self.kind, self.key),
        ))
    }
}

/// The events of blocks behind a position, each with its place.
fn entries(
    blocks: &[LogBlock],
    after: Position,
) -> impl Iterator<Item = (&LogBlock, Position, Entry<'_>)> {
    blocks.iter().flat_map(move |log| {
        log.after(after.max(log.start)).map(move |(position, entry)| (log, position, entry))
    })
}

/// Prints events, with the names of their fields where their types are known.
struct Printer<'a> {
    out: &'a mut Output,
    told: SpaceTypes,
    types: Arc<EventTypes>,
}

impl Printer<'_> {
    /// Takes the types of a space for what follows.
    async fn begin(&mut self, store: &EventStore, space: &SpaceId) -> Result<(), Exit> {
        let types = self.told.of(store, space).await;
        self.types = types.map_err(|error| Exit::of_store(&error))?;
        Ok(())
    }

    fn event(&mut self, space: &SpaceId, position: Position, entry: Entry<'_>) -> Result<(), Exit> {
        let event = ShownEvent { space, position, entry, types: &self.types };
        let line =
            if self.out.is_json() { event.json().to_string() } else { self.out.event(&event) };
        self.out.line(line)
    }

    /// Prints an event, and which events of others its author had seen.
    fn history(
        &mut self,
        log: &LogBlock,
        position: Position,
        entry: Entry<'_>,
    ) -> Result<(), Exit> {
        let seen: Vec<_> = entry.seen().collect();
        let event = ShownEvent { space: log.block.space(), position, entry, types: &self.types };
        if self.out.is_json() {
            let mut json = event.json();
            let row = |row: &Seen| json!({ "author": row.on.author.to_string(), "seq": row.seq });
            if let Value::Object(object) = &mut json {
                object.insert("seen".to_owned(), seen.iter().map(row).collect());
            }
            return self.out.line(json);
        }
        let rows = seen.iter().map(|row| format!("{:.8} {}", row.on.author, row.seq));
        let rows = rows.collect::<Vec<_>>().join(", ");
        let seen = if rows.is_empty() { rows } else { format!("  having seen {rows}") };
        let line = self.out.event(&event);
        self.out.line(format_args!("{line}{seen}"))
    }
}
