//! Blocks: envelopes packed for the log and the wire.
//!
//! A block holds whole commits of one space in log order. What repeats (replicas, names, keys,
//! metadata) stands once in tables, so an envelope's header costs a few bytes; each author's
//! sequence numbers follow from the first. The author packs a block once, and stores and hubs keep
//! and forward it as it is. Envelopes restored from a block are exactly those packed.
//! `docs/storage.md` gives the format byte by byte.
//!
//! A [`Block`] has been checked: its checksum holds, every index points into its table, every name
//! is valid, and commits are whole and not interleaved.

mod pack;
mod parse;

use std::ops::Range;

use bytes::Bytes;

use crate::clock::Hlc;
use crate::envelope::{Chain, Envelope, Head, Metadata, Parts};
use crate::event::EventRef;
use crate::id::{AggregateId, Dot, IdError, ReplicaId, SpaceId};
use crate::vector::{Stamp, VectorClock};
use crate::wire::WireError;

pub use pack::{BlockFull, BlockPacker};

/// Most events in one block.
pub const BLOCK_EVENTS_MAX: usize = 4_096;
/// Largest block, in bytes.
pub const BLOCK_BYTES_MAX: usize = 512 * 1024;
/// The first four bytes of every block.
pub const BLOCK_MAGIC: [u8; 4] = *b"SKB1";
/// Length of the checksum that follows the magic bytes.
pub const BLOCK_CHECKSUM_LEN: usize = 16;

/// A run of one author's events inside a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The author.
    pub replica: ReplicaId,
    /// The number of the first event.
    pub first_seq: u64,
    /// How many events.
    pub count: u64,
    /// The author's chain before the first event.
    pub chain_before: Chain,
}

impl Run {
    /// Where the author's events stood before the run; the clock reading is not known.
    pub const fn head_before(&self) -> Head {
        Head { seq: self.first_seq - 1, hlc: Hlc::ZERO, chain: self.chain_before }
    }

    /// The number of the last event.
    pub const fn last_seq(&self) -> u64 {
        self.first_seq + self.count - 1
    }
}

/// Packed envelopes, checked.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Bytes,
    space: SpaceId,
    runs: Vec<Run>,
    aggregates: Vec<AggregateId>,
    events: Vec<EventRef>,
    metadata: Vec<Metadata>,
    contexts: Vec<VectorClock>,
    entries: Vec<Header>,
}

/// Where an entry's parts are.
#[derive(Clone, Debug)]
struct Header {
    run: usize,
    dot: Dot,
    hlc: Hlc,
    last: bool,
    aggregate: usize,
    event: usize,
    metadata: usize,
    context: usize,
    extensions: Range<usize>,
    payload: Range<usize>,
}

impl Block {
    /// Checks and takes packed bytes.
    ///
    /// # Errors
    /// When they are not a whole and sound block.
    pub fn parse(bytes: Bytes) -> Result<Self, BlockError> {
        parse::parse(bytes)
    }

    /// The packed bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The space that the events belong to.
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }

    /// How many events it holds, at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The authors' runs.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The aggregates that the events are about, each once, in the order of their first events.
    pub fn aggregates(&self) -> &[AggregateId] {
        &self.aggregates
    }

    /// The causal contexts of the events, each once.
    pub(crate) fn contexts(&self) -> impl Iterator<Item = &VectorClock> {
        self.contexts.iter()
    }

    /// The events in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + DoubleEndedIterator {
        self.entries.iter().map(|header| Entry { block: self, header })
    }

    /// The event at an index.
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        self.entries.get(index).map(|header| Entry { block: self, header })
    }

    /// The author's chain at one of its events, when the block holds it.
    pub fn chain_at(&self, dot: Dot) -> Option<Chain> {
        let run = self.runs.iter().find(|run| run.replica == dot.replica)?;
        if !(run.first_seq..=run.last_seq()).contains(&dot.seq) {
            return None;
        }
        let mut of_run = self.entries().filter(|entry| entry.dot().replica == dot.replica);
        let mut chain = run.chain_before;
        for _ in run.first_seq..=dot.seq {
            chain = of_run.next()?.head_after(&chain).chain;
        }
        Some(chain)
    }

    /// Where each author's events stand at the end of this block, if they stood at its runs'
    /// beginnings before.
    pub fn heads(&self) -> Vec<(ReplicaId, Head)> {
        let mut heads: Vec<_> =
            self.runs.iter().map(|run| (run.replica, run.head_before())).collect();
        for entry in self.entries() {
            let head = &mut heads[entry.header.run].1;
            *head = entry.head_after(&head.chain);
        }
        heads
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Block {}

/// One event of a block.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    block: &'a Block,
    header: &'a Header,
}

impl<'a> Entry<'a> {
    /// The event's name.
    pub const fn dot(&self) -> Dot {
        self.header.dot
    }

    /// The author's hybrid clock.
    pub const fn hlc(&self) -> Hlc {
        self.header.hlc
    }

    /// Whether it is the last event of its commit.
    pub const fn last(&self) -> bool {
        self.header.last
    }

    /// The aggregate that it is about.
    pub fn aggregate(&self) -> &'a AggregateId {
        &self.block.aggregates[self.header.aggregate]
    }

    /// Which event it is.
    pub fn event(&self) -> &'a EventRef {
        &self.block.events[self.header.event]
    }

    /// What its author had seen of the aggregate.
    pub fn context(&self) -> &'a VectorClock {
        &self.block.contexts[self.header.context]
    }

    /// The stamp that merging uses.
    pub fn stamp(&self) -> Stamp<'a> {
        Stamp { dot: self.dot(), hlc: self.hlc(), context: self.context() }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &'a Metadata {
        &self.block.metadata[self.header.metadata]
    }

    /// Its payload; shares the block's memory.
    pub fn payload(&self) -> Bytes {
        self.block.bytes.slice(self.header.payload.clone())
    }

    /// The whole envelope; payload and extensions share the block's memory.
    pub fn envelope(&self) -> Envelope {
        Envelope {
            dot: self.header.dot,
            aggregate: self.aggregate().clone(),
            event: self.event().clone(),
            hlc: self.header.hlc,
            context: self.context().clone(),
            last: self.header.last,
            metadata: self.metadata().clone(),
            extensions: self.block.bytes.slice(self.header.extensions.clone()),
            payload: self.payload(),
        }
    }

    fn parts(&self) -> Parts<'a> {
        let bytes = &self.block.bytes;
        Parts {
            dot: self.header.dot,
            aggregate: self.aggregate(),
            event: self.event(),
            hlc: self.header.hlc,
            context: self.context(),
            last: self.header.last,
            metadata: self.metadata(),
            extensions: &bytes[self.header.extensions.clone()],
            payload: &bytes[self.header.payload.clone()],
        }
    }

    /// Where the author's events stand after this one, given the chain before it.
    pub fn head_after(&self, before: &Chain) -> Head {
        let chain = self.parts().chain(&self.block.space, before);
        Head { seq: self.header.dot.seq, hlc: self.header.hlc, chain }
    }
}

/// Why bytes are not a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The checksum does not fit the bytes: they were damaged.
    #[error("the block's checksum does not fit its bytes: they were damaged")]
    Checksum,
    /// A name, key, context or metadata entry is not valid.
    #[error("the block has an invalid identifier: {0}")]
    Id(#[from] IdError),
    /// The contents contradict each other.
    #[error("the block contradicts itself: {what}")]
    Inconsistent {
        /// In which way.
        what: &'static str,
    },
    /// Not the first bytes of a block, or of a format that this version does not know.
    #[error("these bytes are not a block of a format known here")]
    NotABlock,
    /// More bytes or events than fit.
    #[error(
        "the block is larger than the {BLOCK_EVENTS_MAX} events and {BLOCK_BYTES_MAX} bytes allowed"
    )]
    TooLarge,
    /// The bytes cannot be read.
    #[error("the block cannot be read: {0}")]
    Wire(#[from] WireError),
}

fn checksum(body: &[u8]) -> [u8; BLOCK_CHECKSUM_LEN] {
    let mut short = [0; BLOCK_CHECKSUM_LEN];
    short.copy_from_slice(&blake3::hash(body).as_bytes()[..BLOCK_CHECKSUM_LEN]);
    short
}

#[cfg(test)]
mod tests;
