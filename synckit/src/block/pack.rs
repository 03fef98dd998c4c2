//! Packing envelopes into a block.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use bytes::Bytes;

use super::{
    BLOCK_BYTES_MAX, BLOCK_EVENTS_MAX, BLOCK_MAGIC, Block, CODEC_PLAIN, Commit, Run, SIGNATURE_LEN,
    checksum,
};
use crate::chain::{Chain, CommitId, Leaf};
use crate::clock::Hlc;
use crate::envelope::{
    CONTEXT_ROWS_MAX, Context, EXTENSIONS_BYTES_MAX, Envelope, LeafHasher, Metadata,
    PAYLOAD_BYTES_MAX,
};
use crate::event::EventRef;
use crate::id::{AggregateId, Name, ReplicaId, SpaceId};
use crate::wire::Writer;

/// The commit does not fit into this block any more; into an empty one it may, unless an event is
/// itself beyond a named maximum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the block is full: at most {BLOCK_EVENTS_MAX} events and {BLOCK_BYTES_MAX} bytes fit")]
#[non_exhaustive]
pub struct BlockFull;

/// Packs whole commits into a block.
#[derive(Debug)]
pub struct BlockPacker {
    space: SpaceId,
    runs: Vec<Growing>,
    anchors: Distinct<CommitId>,
    names: Distinct<Name>,
    aggregates: Distinct<AggregateId>,
    events: Distinct<EventRef>,
    metadata: Distinct<Metadata>,
    entries: Writer,
    hasher: LeafHasher,
    commits: Vec<Commit>,
    count: usize,
    last_hlc: Hlc,
    last_context: Context,
    bytes_max: usize,
}

/// A run that commits are added to.
#[derive(Debug)]
struct Growing {
    before: CommitId,
    nonce: u64,
    end: CommitId,
}

/// The flags that begin an entry.
pub(super) mod flag {
    pub(crate) const LAST: u64 = 1;
    pub(crate) const CONTEXT: u64 = 2;
    pub(crate) const SAME_CONTEXT: u64 = 4;
    pub(crate) const METADATA: u64 = 8;
    pub(crate) const EXTENSIONS: u64 = 16;
    pub(crate) const TOMBSTONE: u64 = 32;
    pub(crate) const ALL: u64 = 63;
}

/// Most bytes of any varint.
const VARINT: usize = 10;
/// Most bytes of a varint that counts rows, events, or the bytes of a name, key or string.
const INDEX: usize = 2;
/// Most bytes of an entry without its context, extensions and payload: the clock, the payload's
/// length (3), and flags, run, aggregate, event, context, metadata and extensions.
const ENTRY: usize = VARINT + 3 + 7 * INDEX;
/// Most bytes of an event's row.
const EVENT: usize = INDEX + 2 * VARINT;

/// Bytes of an anchor and of a run.
const ANCHOR: usize = ReplicaId::LEN + VARINT + Chain::LEN;
const RUN: usize = ANCHOR + size_of::<u64>() + 1 + SIGNATURE_LEN;

/// The table rows that a commit adds to a block.
#[derive(Default)]
struct Fresh<'a> {
    anchors: HashSet<CommitId>,
    names: HashSet<&'a Name>,
    aggregates: HashSet<&'a AggregateId>,
    events: HashSet<&'a EventRef>,
    metadata: HashSet<&'a Metadata>,
}

impl BlockPacker {
    /// An empty block of a space.
    pub fn new(space: SpaceId) -> Self {
        let bytes_max = 128 + space.as_str().len();
        Self {
            space,
            runs: Vec::new(),
            anchors: Distinct::new(),
            names: Distinct::new(),
            aggregates: Distinct::new(),
            events: Distinct::new(),
            metadata: Distinct::new(),
            entries: Writer::new(),
            hasher: LeafHasher::default(),
            commits: Vec::new(),
            count: 0,
            last_hlc: Hlc::ZERO,
            last_context: Context::new(),
            bytes_max,
        }
    }

    /// The number of events packed.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// The number of bytes that the events packed take, without what the block says of them all.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.len()
    }

    /// True if nothing has been packed.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Packs a commit: one author's consecutive events, of which the last is marked so.
    ///
    /// `before` is the commit that it follows, `nonce` random bits that the author drew for the
    /// run. Returns the commit's name.
    ///
    /// # Errors
    /// When it does not fit, a part of an event is larger than its named maximum, or it is a tombstone
    /// in part; nothing is packed then. A commit that fits beside others fits into an empty block too.
    pub fn push_commit(
        &mut self,
        before: &CommitId,
        nonce: u64,
        commit: &[Envelope],
    ) -> Result<CommitId, BlockFull> {
        if !self.fits(before, nonce, commit) {
            return Err(BlockFull);
        }
        let end = self.hasher.name(before, nonce, commit);
        self.write_commit(nonce, commit, before, end);
        Ok(end)
    }

    /// Packs a commit whose name is known: it was hashed before.
    pub(crate) fn push_named(
        &mut self,
        before: &CommitId,
        nonce: u64,
        commit: &[Envelope],
        end: CommitId,
    ) -> Result<(), BlockFull> {
        if !self.fits(before, nonce, commit) {
            return Err(BlockFull);
        }
        self.write_commit(nonce, commit, before, end);
        Ok(())
    }

    /// Packs a whole block behind what is packed, given the last commit of each of its runs.
    /// Runs that continue each other become one. Branches of one author are kept apart: a hub may
    /// take some of them and not others.
    pub(crate) fn push_block(&mut self, block: &Block, ends: &[CommitId]) -> Result<(), BlockFull> {
        let envelopes: Vec<_> = block.entries().map(|entry| entry.envelope()).collect();
        let bound = loose_bound(&envelopes) + block.runs().len() * RUN;
        let fits = self.count + envelopes.len() <= BLOCK_EVENTS_MAX
            && self.bytes_max + bound <= BLOCK_BYTES_MAX;
        let leaves = |run: &Run| {
            self.run_after(&run.before(), run.nonce).is_none()
                && self.runs.iter().any(|packed| packed.before.author == run.replica)
        };
        // Two runs of one block that follow the same commit must not become one.
        let same = |a: &Run, b: &Run| a.before() == b.before() && a.nonce == b.nonce;
        let runs = block.runs();
        let twice =
            (1..runs.len()).any(|run| runs[..run].iter().any(|before| same(before, &runs[run])));
        if !fits || twice || runs.iter().any(leaves) {
            return Err(BlockFull);
        }
        let runs: Vec<_> = runs.iter().map(|run| self.run(&run.before(), run.nonce)).collect();
        for (entry, envelope) in block.entries().zip(&envelopes) {
            self.write_entry(runs[entry.run()], envelope);
        }
        for (run, end) in runs.into_iter().zip(ends) {
            self.runs[run].end = *end;
        }
        self.count += envelopes.len();
        Ok(())
    }

    /// True when a commit fits beside what is packed.
    pub(crate) fn fits(&self, before: &CommitId, nonce: u64, commit: &[Envelope]) -> bool {
        let room = BLOCK_BYTES_MAX.saturating_sub(self.bytes_max);
        self.count + commit.len() <= BLOCK_EVENTS_MAX
            && commit.iter().all(within_limits)
            && is_whole_or_tombstone(commit)
            // Most commits are far from the end of the block: finding out which rows they add is
            // left to those that are not.
            && (loose_bound(commit) <= room || self.size_bound(before, nonce, commit) <= room)
    }

    fn write_commit(&mut self, nonce: u64, commit: &[Envelope], before: &CommitId, end: CommitId) {
        let run = self.run(before, nonce);
        for envelope in commit {
            self.write_entry(run, envelope);
        }
        self.commits.push(Commit { id: end, run, entries: self.count..self.count + commit.len() });
        self.count += commit.len();
        self.runs[run].end = end;
    }

    /// The run that a commit continues, or begins.
    fn run(&mut self, before: &CommitId, nonce: u64) -> usize {
        self.run_after(before, nonce).unwrap_or_else(|| {
            self.runs.push(Growing { before: *before, nonce, end: *before });
            self.bytes_max += RUN;
            self.runs.len() - 1
        })
    }

    fn run_after(&self, before: &CommitId, nonce: u64) -> Option<usize> {
        self.runs.iter().position(|run| run.end == *before && run.nonce == nonce)
    }

    /// No fewer bytes than the commit adds to the block, the table rows that it adds included once.
    fn size_bound(&self, before: &CommitId, nonce: u64, commit: &[Envelope]) -> usize {
        let mut fresh = Fresh::default();
        let mut last_context = &self.last_context;
        let mut bound = if self.run_after(before, nonce).is_some() { 0 } else { RUN };
        for envelope in commit {
            bound += ENTRY + envelope.extensions.len() + envelope.payload.len();
            bound += self.rows_bound(envelope, &mut fresh);
            if !envelope.context.is_empty() && envelope.context != *last_context {
                last_context = &envelope.context;
                for seen in envelope.context.iter() {
                    let row = !self.anchors.has(&seen.on) && fresh.anchors.insert(seen.on);
                    bound += INDEX + VARINT + if row { ANCHOR } else { 0 };
                }
            }
        }
        bound
    }

    fn rows_bound<'a>(&self, envelope: &'a Envelope, fresh: &mut Fresh<'a>) -> usize {
        let Envelope { aggregate, event, metadata, .. } = envelope;
        let mut bound = 0;
        for name in [&aggregate.kind, &event.name] {
            if !self.names.has(name) && fresh.names.insert(name) {
                bound += name_bound(name);
            }
        }
        if !self.aggregates.has(aggregate) && fresh.aggregates.insert(aggregate) {
            bound += aggregate_bound(aggregate);
        }
        if !self.events.has(event) && fresh.events.insert(event) {
            bound += EVENT;
        }
        if !metadata.is_empty() && !self.metadata.has(metadata) && fresh.metadata.insert(metadata) {
            bound += metadata_bound(metadata);
        }
        bound
    }

    fn write_entry(&mut self, run: usize, envelope: &Envelope) {
        let same_context = envelope.context == self.last_context;
        let mut flags = 0;
        for (set, bit) in [
            (envelope.last, flag::LAST),
            (!envelope.context.is_empty() && !same_context, flag::CONTEXT),
            (!envelope.context.is_empty() && same_context, flag::SAME_CONTEXT),
            (!envelope.metadata.is_empty(), flag::METADATA),
            (!envelope.extensions.is_empty(), flag::EXTENSIONS),
            (envelope.tombstone, flag::TOMBSTONE),
        ] {
            flags |= if set { bit } else { 0 };
        }
        let aggregate = self.aggregates.find(&envelope.aggregate);
        let event = self.events.find(&envelope.event);
        // What is in a table has its names in theirs.
        if aggregate.is_none() {
            self.add_name(&envelope.aggregate.kind);
        }
        if event.is_none() {
            self.add_name(&envelope.event.name);
        }
        let aggregate = aggregate.unwrap_or_else(|| {
            self.bytes_max += aggregate_bound(&envelope.aggregate);
            self.aggregates.index(&envelope.aggregate)
        });
        let event = event.unwrap_or_else(|| {
            self.bytes_max += EVENT;
            self.events.index(&envelope.event)
        });
        self.bytes_max += ENTRY + envelope.extensions.len() + envelope.payload.len();
        let out = &mut self.entries;
        out.varint(flags);
        out.varint(run as u64);
        out.zigzag(envelope.hlc.to_bits().wrapping_sub(self.last_hlc.to_bits()).cast_signed());
        out.varint(aggregate);
        out.varint(event);
        if flags & flag::CONTEXT != 0 {
            out.varint(envelope.context.len() as u64);
            for seen in envelope.context.iter() {
                self.bytes_max += INDEX + VARINT;
                self.bytes_max += if self.anchors.has(&seen.on) { 0 } else { ANCHOR };
                out.varint(self.anchors.index(&seen.on));
                out.varint(seen.seq);
            }
        }
        if flags & flag::METADATA != 0 {
            let metadata = &envelope.metadata;
            self.bytes_max +=
                if self.metadata.has(metadata) { 0 } else { metadata_bound(metadata) };
            out.varint(self.metadata.index(metadata));
        }
        if flags & flag::EXTENSIONS != 0 {
            out.bytes(&envelope.extensions);
        }
        out.bytes(&envelope.payload);
        self.last_hlc = envelope.hlc;
        if flags & flag::CONTEXT != 0 {
            self.last_context = envelope.context.clone();
        }
    }

    fn add_name(&mut self, name: &Name) {
        self.bytes_max += if self.names.has(name) { 0 } else { name_bound(name) };
        self.names.index(name);
    }

    /// The block; `None` when nothing was packed. `sign` gives the author's signature over the last
    /// commit of each run; zeros when there is none: a filter hides the commit that is signed.
    pub fn finish(
        mut self,
        mut sign: impl FnMut(&CommitId) -> [u8; SIGNATURE_LEN],
    ) -> Option<Block> {
        if self.count == 0 {
            return None;
        }
        let mut body = Writer::new();
        body.bytes(self.space.as_str().as_bytes());
        body.varint(self.runs.len() as u64);
        for Growing { before, nonce, end } in &self.runs {
            body.raw(before.author.as_bytes());
            body.varint(before.seq + 1);
            body.raw(before.chain.as_bytes());
            body.raw(&nonce.to_le_bytes());
            body.bytes(Run::written(&sign(end)));
        }
        table(&mut body, &self.anchors, |out, anchor| {
            out.raw(anchor.author.as_bytes());
            out.varint(anchor.seq);
            out.raw(anchor.chain.as_bytes());
        });
        table(&mut body, &self.names, |out, name| out.bytes(name.as_str().as_bytes()));
        let names = &mut self.names;
        table(&mut body, &self.aggregates, |out, aggregate| {
            out.varint(names.index(&aggregate.kind));
            out.bytes(aggregate.key.as_bytes());
        });
        table(&mut body, &self.events, |out, event| {
            out.varint(names.index(&event.name));
            out.varint(u64::from(event.version));
            out.varint(u64::from(event.min_reader));
        });
        table(&mut body, &self.metadata, |out, metadata| {
            out.varint(metadata.len() as u64);
            for (key, value) in metadata.iter() {
                out.bytes(key.as_bytes());
                out.bytes(value.as_bytes());
            }
        });
        body.varint(self.count as u64);
        // Nothing above is nested, so nothing can be nested too deep.
        body.raw(&self.entries.finish().unwrap_or_default());
        let body = body.finish().unwrap_or_default();
        let bytes = [&BLOCK_MAGIC[..], &[CODEC_PLAIN], &checksum(&body), &body].concat();
        let block = Block::parse(Bytes::from(bytes));
        debug_assert!(block.is_ok(), "a commit was packed that is none: {block:?}");
        let block = block.ok()?;
        // Blocks that were packed whole bring no names of their commits.
        if self.commits.iter().map(|commit| commit.entries.len()).sum::<usize>() == self.count {
            debug_assert_eq!(block.hash_commits(), self.commits, "a commit has another name");
            let _ = block.0.commits.set(self.commits);
        }
        Some(block)
    }
}

/// No fewer bytes than a commit adds to a block of which nothing is known.
fn loose_bound(commit: &[Envelope]) -> usize {
    let of = |envelope: &Envelope| {
        let Envelope { aggregate, event, metadata, context, .. } = envelope;
        ENTRY
            + envelope.extensions.len()
            + envelope.payload.len()
            + name_bound(&aggregate.kind)
            + name_bound(&event.name)
            + aggregate_bound(aggregate)
            + EVENT
            + metadata_bound(metadata)
            + context.len() * (INDEX + VARINT + ANCHOR)
    };
    RUN + commit.iter().map(of).sum::<usize>()
}

fn name_bound(name: &Name) -> usize {
    INDEX + name.as_str().len()
}

fn aggregate_bound(aggregate: &AggregateId) -> usize {
    2 * INDEX + aggregate.key.as_bytes().len()
}

fn metadata_bound(metadata: &Metadata) -> usize {
    INDEX + metadata.iter().map(|(k, v)| k.len() + v.len() + 2 * INDEX).sum::<usize>()
}

fn within_limits(envelope: &Envelope) -> bool {
    envelope.payload.len() <= PAYLOAD_BYTES_MAX
        && envelope.extensions.len() <= EXTENSIONS_BYTES_MAX
        && envelope.context.len() <= CONTEXT_ROWS_MAX
}

/// True if none of a commit's events is a tombstone, or all are, and keep what tombstones keep.
fn is_whole_or_tombstone(commit: &[Envelope]) -> bool {
    let keeps = |event: &Envelope| {
        let kept = if event.last { Leaf::LEN } else { 0 };
        event.payload.len() == kept && event.extensions.is_empty()
    };
    let mut events = commit.iter();
    match commit.first() {
        Some(first) if first.tombstone => events.all(|event| event.tombstone && keeps(event)),
        _ => !events.any(|event| event.tombstone),
    }
}

fn table<T>(out: &mut Writer, table: &Distinct<T>, mut write: impl FnMut(&mut Writer, &T)) {
    out.varint(table.items.len() as u64);
    table.items.iter().for_each(|item| write(out, item));
}

/// Distinct items in the order of their first use.
#[derive(Debug)]
struct Distinct<T> {
    items: Vec<T>,
    places: HashMap<T, u64>,
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    fn new() -> Self {
        Self { items: Vec::new(), places: HashMap::new() }
    }

    fn has(&self, item: &T) -> bool {
        self.places.contains_key(item)
    }

    fn find(&self, item: &T) -> Option<u64> {
        self.places.get(item).copied()
    }

    fn index(&mut self, item: &T) -> u64 {
        if let Some(place) = self.find(item) {
            return place;
        }
        let place = self.items.len() as u64;
        self.items.push(item.clone());
        self.places.insert(item.clone(), place);
        place
    }
}
