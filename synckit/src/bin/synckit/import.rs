//! `synckit import`: makes a store of what `synckit export` wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use synckit::block::{Block, BlockPacker, SIGNATURE_LEN};
use synckit::chain::{Chain, CommitId};
use synckit::clock::Hlc;
use synckit::envelope::{Context, Envelope, Metadata, Seen};
use synckit::event::EventRef;
use synckit::id::{AggregateId, Dot, Name, ReplicaId, SpaceId};
use synckit::log::Source;
use synckit::store::{Append, BATCH_BYTES_MAX, Batch, EventStore, StoreErrorKind};

use crate::bar;
use crate::exit::{Cause, Exit};
use crate::export::FORM;
use crate::files::make;
use crate::hex;
use crate::output::Output;

/// Longest line, in bytes: an event with the largest payload, context and metadata has less.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of blocks that are committed at once.
const COMMIT_BYTES: usize = BATCH_BYTES_MAX / 4;

/// Make a log of what `synckit export` wrote; events that are held already are passed over
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The store's file, made when it is not there
    file: PathBuf,
    /// The lines to read; standard input otherwise
    #[arg(value_name = "LINES")]
    lines: Option<PathBuf>,
}

impl Import {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let lines: Box<dyn BufRead> = match &self.lines {
            None => Box::new(io::stdin().lock()),
            Some(path) => {
                let file = File::open(path);
                let file = file
                    .map_err(|error| Exit::settings(format!("read {}: {error}", path.display())))?;
                Box::new(BufReader::new(file))
            }
        };
        let mut lines = Lines { lines, number: 0 };
        let form = lines.next()?.and_then(|line| line.get(FORM.0).and_then(Value::as_u64));
        if form != Some(FORM.1) {
            return Err(lines.wrong(format!(
                "it does not begin with {{\"{}\":{}}}, as what `synckit export` writes",
                FORM.0, FORM.1
            )));
        }
        let store = make(&self.file)?;
        let bar = bar::of_events(out, "importing", 0);
        let done = take(&store, &mut lines, &bar).await;
        bar.finish_and_clear();
        let closed = store.close().await.map_err(|error| Exit::of_store(&error));
        let (read, new) = done?;
        closed?;
        out.tell(
            || json!({ "events": read, "new": new }),
            || format!("{read} events, {new} of them new"),
        )
    }
}

/// Admits all events, and returns how many there were, and how many were new.
async fn take(
    store: &EventStore,
    lines: &mut Lines,
    bar: &ProgressBar,
) -> Result<(u64, u64), Exit> {
    let (mut read, mut new) = (0, 0);
    let mut waiting: Vec<Block> = Vec::new();
    let mut open: Option<Building> = None;
    while let Some(line) = lines.next()? {
        let line = EventLine(line);
        let space = line.space().map_err(|what| lines.wrong(what))?;
        if let Some(building) = &open
            && building.space != space
        {
            return Err(lines.wrong("a run of another space has no signature".to_owned()));
        }
        let mut building = open.take().unwrap_or_else(|| Building::new(space));
        let is_whole = building.add(&line).map_err(|what| lines.wrong(what))?;
        read += 1;
        bar.inc_length(1);
        bar.inc(1);
        if !is_whole {
            open = Some(building);
            continue;
        }
        let block = building.finish().map_err(|what| lines.wrong(what))?;
        let bytes: usize = waiting.iter().map(|block| block.bytes().len()).sum();
        let other = waiting.first().is_some_and(|first| first.space() != block.space());
        if other || bytes >= COMMIT_BYTES {
            new += commit(store, std::mem::take(&mut waiting), lines).await?;
        }
        waiting.push(block);
    }
    if open.is_some() {
        return Err(lines.wrong("it ends inside a run: lines are missing".to_owned()));
    }
    new += commit(store, waiting, lines).await?;
    Ok((read, new))
}

async fn commit(store: &EventStore, blocks: Vec<Block>, lines: &Lines) -> Result<u64, Exit> {
    let Some(first) = blocks.first() else { return Ok(0) };
    let mut batch = Batch::new(first.space().clone());
    batch.append = blocks.into_iter().map(|block| Append::new(block, Source::Peer)).collect();
    let committed = store.commit(batch).await;
    let committed = committed.map_err(|error| {
        let text = format!("up to line {}: {error:#}", lines.number);
        match error.kind() {
            // The store is good, the lines are not.
            StoreErrorKind::Refused(_) => Exit::new(Cause::Found, text),
            _ => Exit::new(Cause::Store, text),
        }
    })?;
    Ok(committed.appended)
}

/// Lines of JSON, of which none is too long.
struct Lines {
    lines: Box<dyn BufRead>,
    number: u64,
}

impl Lines {
    fn next(&mut self) -> Result<Option<Value>, Exit> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|error| self.wrong(error.to_string()))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read as u64 >= LINE_BYTES_MAX {
            return Err(self.wrong(format!("it is longer than {LINE_BYTES_MAX} bytes")));
        }
        serde_json::from_slice(&line).map(Some).map_err(|error| self.wrong(error.to_string()))
    }

    fn wrong(&self, what: String) -> Exit {
        Exit::new(Cause::Found, format!("line {}: {what}", self.number.max(1)))
    }
}

/// An event's line.
struct EventLine(Value);

impl EventLine {
    fn text(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).and_then(Value::as_str).ok_or_else(|| format!("it has no text `{name}`"))
    }

    fn number(&self, name: &str) -> Result<u64, String> {
        self.0.get(name).and_then(Value::as_u64).ok_or_else(|| format!("it has no number `{name}`"))
    }

    fn small(&self, name: &str) -> Result<u32, String> {
        u32::try_from(self.number(name)?).map_err(|_| format!("`{name}` is too large"))
    }

    fn read<T>(&self, name: &str) -> Result<T, String>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        self.text(name)?.parse().map_err(|error| format!("`{name}`: {error}"))
    }

    fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    fn base64(&self, name: &str) -> Result<Bytes, String> {
        let bytes = BASE64_STANDARD.decode(self.text(name)?);
        bytes.map(Bytes::from).map_err(|error| format!("`{name}`: {error}"))
    }

    fn space(&self) -> Result<SpaceId, String> {
        self.read("space")
    }

    fn author(&self) -> Result<ReplicaId, String> {
        id(self.text("author")?)
    }

    fn envelope(&self) -> Result<Envelope, String> {
        let mut metadata = Metadata::new();
        for (key, value) in self.0.get("metadata").and_then(Value::as_object).into_iter().flatten()
        {
            let value = value.as_str().ok_or("an entry of `metadata` is no text")?;
            metadata.set(key, value).map_err(|error| error.to_string())?;
        }
        let rows = self.0.get("context").and_then(Value::as_array).into_iter().flatten();
        let context = rows.map(seen).collect::<Result<Vec<_>, _>>()?;
        let extensions =
            if self.has("extensions") { self.base64("extensions")? } else { Bytes::new() };
        Ok(Envelope {
            dot: Dot { replica: self.author()?, seq: self.number("seq")? },
            aggregate: AggregateId { kind: self.read::<Name>("type")?, key: self.read("key")? },
            event: EventRef {
                name: self.read("event")?,
                version: self.small("version")?,
                min_reader: self.small("min_version")?,
            },
            hlc: Hlc::from_bits(self.number("clock")?),
            context: Context::of(context),
            last: self.0.get("ends_commit").and_then(Value::as_bool).unwrap_or_default(),
            metadata,
            extensions,
            payload: self.base64("payload")?,
            tombstone: self.0.get("tombstone").and_then(Value::as_bool).unwrap_or_default(),
        })
    }
}

fn seen(row: &Value) -> Result<Seen, String> {
    let no = || "a row of `context` is not understood".to_owned();
    let text = |name: &str| row.get(name).and_then(Value::as_str).ok_or_else(no);
    let number = |name: &str| row.get(name).and_then(Value::as_u64).ok_or_else(no);
    let chain = chain(text("chain")?).ok_or_else(no)?;
    let on = CommitId { author: id(text("author")?)?, seq: number("on")?, chain };
    Ok(Seen { on, seq: number("seq")? })
}

fn id(digits: &str) -> Result<ReplicaId, String> {
    let id = hex::read_exactly(digits).map(ReplicaId::from_bytes);
    id.ok_or_else(|| "an author is not 64 hexadecimal digits".to_owned())
}

fn chain(digits: &str) -> Option<Chain> {
    hex::read_exactly(digits).map(Chain::from_bytes)
}

/// A block that is being packed again.
struct Building {
    space: SpaceId,
    packer: BlockPacker,
    /// The runs that are not signed yet, by their numbers.
    runs: BTreeMap<u64, OpenRun>,
    /// The events of the commit under way.
    commit: Vec<Envelope>,
    signatures: BTreeMap<CommitId, [u8; SIGNATURE_LEN]>,
}

struct OpenRun {
    last: CommitId,
    nonce: u64,
}

impl Building {
    fn new(space: SpaceId) -> Self {
        let packer = BlockPacker::new(space.clone());
        let (runs, commit, signatures) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Self { space, packer, runs, commit, signatures }
    }

    /// Adds an event; true when everything in the block is signed.
    fn add(&mut self, line: &EventLine) -> Result<bool, String> {
        let (envelope, author, number) = (line.envelope()?, line.author()?, line.number("run")?);
        if line.has("nonce") {
            let seq = envelope.dot.seq.checked_sub(1).ok_or("`seq` is 0")?;
            let chain = chain(line.text("after")?).ok_or("`after` is not 64 hexadecimal digits")?;
            let last = CommitId { author, seq, chain };
            self.runs.insert(number, OpenRun { last, nonce: line.number("nonce")? });
        }
        let run =
            self.runs.get_mut(&number).ok_or("its run has no beginning: lines are missing")?;
        let place = run.last.seq + self.commit.len() as u64 + 1;
        let elsewhere = |event: &Envelope| event.dot.replica != author;
        if run.last.author != author
            || envelope.dot.seq != place
            || self.commit.iter().any(elsewhere)
        {
            return Err("it does not follow the line before: lines are missing or moved".to_owned());
        }
        let ends = envelope.last;
        self.commit.push(envelope);
        if !ends {
            return Ok(false);
        }
        let commit = std::mem::take(&mut self.commit);
        let packed = self.packer.push_commit(&run.last, run.nonce, &commit);
        run.last = packed.map_err(|error| error.to_string())?;
        if line.has("signature") {
            let signature = hex::read_exactly(line.text("signature")?);
            let signature = signature.ok_or("`signature` is not 128 hexadecimal digits")?;
            self.signatures.insert(run.last, signature);
            self.runs.remove(&number);
        }
        Ok(self.runs.is_empty())
    }

    fn finish(self) -> Result<Block, String> {
        let Self { packer, signatures, .. } = self;
        let unsigned = [0; SIGNATURE_LEN];
        let block = packer.finish(|end| signatures.get(end).copied().unwrap_or(unsigned));
        let block = block.ok_or("it holds no event")?;
        block.check_authors().map_err(|error| format!("up to here: {error}"))?;
        Ok(block)
    }
}
