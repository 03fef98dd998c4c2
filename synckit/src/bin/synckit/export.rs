//! `synckit export`: a store as lines of JSON, from which `synckit import` makes it again.
//!
//! The first line names the form. Each further one is an event as `synckit cat --json` prints it, and
//! what its place in the log and its author's signature need: the clock to the last bit, the context,
//! extensions, and at the ends of runs the numbers that open and close them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};
use synckit::block::Entry;
use synckit::id::Position;
use synckit::log::LogBlock;

use crate::bar;
use crate::exit::{Cause, Exit};
use crate::files::{Blocks, FileSource};
use crate::hex;
use crate::output::Output;
use synckit::show::EventTypes;
use synckit::show::ShownEvent;

/// The member of the first line, and its value.
pub(crate) const FORM: (&str, u64) = ("synckit_export", 1);

/// Write every event as a line of JSON, from which `synckit import` makes the same log again
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    source: FileSource,
    /// The file to write, which must not be there; standard output otherwise
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let store = self.source.open().await?;
        let spaces = self.source.spaces(&store).await?;
        for space in &spaces {
            let filter = store.filter(&space.id).await.map_err(|error| Exit::of_store(&error))?;
            if filter.is_some() || space.begins > Position::START {
                return Err(Exit::new(
                    Cause::Found,
                    format!(
                        "space `{}` is held in part, and a part cannot be imported: export it from a store \
                     that holds it whole, or name another one with --space",
                        space.id
                    ),
                ));
            }
        }
        let mut file = match &self.output {
            Some(path) => Some((
                path,
                File::create_new(path)
                    .map_err(|error| Exit::settings(format!("make {}: {error}", path.display())))?,
            )),
            None => None,
        };
        let events = spaces.iter().map(|space| space.end.position.0).sum();
        // Lines on a terminal are progress enough.
        let shown = if file.is_some() { events } else { 0 };
        let bar = bar::of_events(out, "exporting", shown);
        let mut write = |line: Value| match &mut file {
            None => out.line(line),
            Some((path, file)) => writeln!(file, "{line}").map_err(|error| {
                Exit::new(Cause::Running, format!("write {}: {error}", path.display()))
            }),
        };
        write(json!({ (FORM.0): FORM.1 }))?;
        for space in &spaces {
            let mut blocks = Blocks::of(&store, &space.id, Position::START);
            loop {
                let page = blocks.next().await?;
                if page.is_empty() {
                    break;
                }
                for log in &page {
                    lines(log, &mut write)?;
                    bar.inc(log.block.len() as u64);
                }
            }
        }
        bar.finish_and_clear();
        if let Some((path, file)) = &file {
            file.sync_all().map_err(|error| {
                Exit::new(Cause::Running, format!("write {}: {error}", path.display()))
            })?;
        }
        Ok(())
    }
}

fn lines(log: &LogBlock, write: &mut impl FnMut(Value) -> Result<(), Exit>) -> Result<(), Exit> {
    let (mut begun, types) = (BTreeSet::new(), &EventTypes::default());
    for (position, entry) in log.after(log.start) {
        let space = log.block.space();
        let mut line = ShownEvent { space, position, entry, types }.json();
        if let Value::Object(line) = &mut line {
            complete(line, log, &entry, begun.insert(entry.run()));
        }
        write(line)?;
    }
    Ok(())
}

fn complete(line: &mut Map<String, Value>, log: &LogBlock, entry: &Entry<'_>, begins: bool) {
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("clock", json!(entry.hlc().to_bits()));
    let context: Vec<_> = entry
        .seen()
        .map(|row| {
            json!({
                "author": row.on.author.to_string(),
                "on": row.on.seq,
                "chain": hex::of(row.on.chain.as_bytes()),
                "seq": row.seq,
            })
        })
        .collect();
    if !context.is_empty() {
        put("context", Value::Array(context));
    }
    let extensions = entry.envelope().extensions;
    if !extensions.is_empty() {
        put("extensions", BASE64_STANDARD.encode(extensions).into());
    }
    let Some(run) = log.block.runs().get(entry.run()) else { return };
    put("run", entry.run().into());
    if begins {
        put("after", hex::of(run.chain_before.as_bytes()).into());
        put("nonce", run.nonce.into());
    }
    if run.last_seq() == entry.dot().seq {
        put("signature", hex::of(&run.signature).into());
    }
}
