//! Blocks: envelopes packed for the log and the wire.
//!
//! A block holds whole commits of one space in log order. What repeats (names, keys, metadata, the
//! commits that contexts refer to) stands once in tables, so an envelope's header costs a few
//! bytes; each author's sequence numbers follow from the first. The author packs a block once and
//! signs its end, and stores and hubs keep and forward it as it is; only small ones that follow one
//! another are packed again, into one, to be sent. Envelopes restored from a block
//! are exactly those packed. `docs/storage.md` gives the format byte by byte.
//!
//! A [`Block`] has been checked: its checksum holds, every index points into its table, every name
//! is valid, and commits are whole and not interleaved. Who wrote it is checked by
//! [`Block::check_authors`], where blocks come from others.

mod pack;
mod parse;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::chain::{Chain, CommitId, Leaf};
use crate::clock::Hlc;
use crate::envelope::{Context, Covered, Envelope, LeafHasher, Metadata, Seen, TraceParent};
use crate::event::EventRef;
use crate::id::{AggregateId, Dot, IdError, ReplicaId, SpaceId};
use crate::wire::WireError;

pub use pack::{BlockFull, BlockPacker};

/// Most events in one block.
pub const BLOCK_EVENTS_MAX: usize = 4_096;
/// Most anchors in one block: more than it has bytes for.
pub const BLOCK_ANCHORS_MAX: usize = 8_192;
/// Largest block, in bytes.
pub const BLOCK_BYTES_MAX: usize = 512 * 1024;
/// The first four bytes of every block.
pub const BLOCK_MAGIC: [u8; 4] = *b"SKB2";
/// The codec of a body that is stored as it is. Other numbers are kept for compressed bodies.
pub const CODEC_PLAIN: u8 = 0;
/// Length of the checksum that follows the magic bytes and the codec.
pub const BLOCK_CHECKSUM_LEN: usize = 16;
/// Length of a signature.
pub const SIGNATURE_LEN: usize = 64;

/// A run of one author's commits inside a block.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Run {
    /// The author.
    pub replica: ReplicaId,
    /// The number of the first event.
    pub first_seq: u64,
    /// The number of events.
    pub count: u64,
    /// The author's chain before the first event.
    pub chain_before: Chain,
    /// Random bits that the author drew for this run: two stores that write under one key never
    /// write the same commit.
    pub nonce: u64,
    /// The author's signature over the chain after the last event; [`Run::UNSIGNED`] where a filter hides
    /// the event at which it signed.
    pub signature: [u8; SIGNATURE_LEN],
}

impl Run {
    /// No signature.
    pub const UNSIGNED: [u8; SIGNATURE_LEN] = [0; SIGNATURE_LEN];

    /// A signature as it stands in a block.
    fn written(signature: &[u8; SIGNATURE_LEN]) -> &[u8] {
        if *signature == Self::UNSIGNED { &[] } else { signature }
    }

    /// The commit that the run follows.
    pub const fn before(&self) -> CommitId {
        CommitId { author: self.replica, seq: self.first_seq - 1, chain: self.chain_before }
    }

    /// The number of the last event.
    pub const fn last_seq(&self) -> u64 {
        self.first_seq + self.count - 1
    }
}

/// A commit of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Commit {
    /// Its name.
    pub id: CommitId,
    /// The index of its author's run.
    pub run: usize,
    /// The indices of its events.
    pub entries: Range<usize>,
}

/// Packed envelopes, checked. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Block(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: Bytes,
    space: SpaceId,
    runs: Vec<Run>,
    anchors: Vec<CommitId>,
    aggregates: Vec<AggregateId>,
    events: Vec<EventRef>,
    metadata: Vec<Metadata>,
    /// Rows of all contexts: the anchor and the number.
    seen: Vec<(usize, u64)>,
    entries: Vec<Header>,
    has_tombstones: bool,
    /// Hashed when first asked for.
    commits: OnceLock<Vec<Commit>>,
}

/// Bytes of memory for a row of a table beside its texts, roughly.
const TABLE_ROW_MEMORY: usize = 128;
/// Most memory that a block takes for each of its bytes, roughly: entries of six bytes, each a commit
/// of its own, and metadata of four.
pub(crate) const MEMORY_PER_BYTE_MAX: usize = 32;

/// The places of an entry's parts. Small: a block may hold thousands of entries of a few bytes.
#[derive(Clone, Debug)]
struct Header {
    seq: u64,
    hlc: Hlc,
    context: Span,
    extensions: Span,
    payload: Span,
    run: u16,
    aggregate: u16,
    event: u16,
    metadata: u16,
    last: bool,
    tombstone: bool,
}

/// A part of a block's bytes, or of its rows of contexts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Span {
    begin: u32,
    end: u32,
}

impl Span {
    fn of(range: Range<usize>) -> Result<Self, BlockError> {
        let place = |at| u32::try_from(at).map_err(|_| BlockError::TooLarge);
        Ok(Self { begin: place(range.start)?, end: place(range.end)? })
    }

    const fn is_empty(self) -> bool {
        self.begin == self.end
    }

    const fn range(self) -> Range<usize> {
        self.begin as usize..self.end as usize
    }
}

impl Block {
    /// True if it is a clone of another.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Checks and takes packed bytes. Says nothing about who wrote them: see
    /// [`Block::check_authors`].
    ///
    /// # Errors
    /// When they are not a whole and sound block.
    pub fn parse(bytes: Bytes) -> Result<Self, BlockError> {
        parse::parse(bytes)
    }

    /// Checks and takes the block at the front of bytes, whatever follows it. As for
    /// [`Block::parse`], this says nothing about who wrote it.
    ///
    /// # Errors
    /// When they do not begin with a whole and sound block.
    pub fn parse_first(bytes: &Bytes) -> Result<Self, BlockError> {
        parse::parse_first(bytes)
    }

    /// Checks that every run was signed by its author, and that first runs begin their chains.
    ///
    /// # Errors
    /// [`BlockError::Forged`] with the author in whose name something was written.
    pub fn check_authors(&self) -> Result<(), BlockError> {
        self.check_runs(|run, end| end.is_signed(&run.signature))
    }

    /// Checks a block of which a filter may hide parts. Where it hides the end of a run, and with it the
    /// signature, that run is taken from the peer on trust.
    pub(crate) fn check_authors_of_part(&self) -> Result<(), BlockError> {
        self.check_runs(|run, end| run.signature == Run::UNSIGNED || end.is_signed(&run.signature))
    }

    fn check_runs(&self, is_sound: impl Fn(&Run, &CommitId) -> bool) -> Result<(), BlockError> {
        let ends = self.ends();
        let forged = self.0.runs.iter().zip(ends).find(|(run, end)| {
            let begins =
                run.first_seq != 1 || run.chain_before == Chain::root(&self.0.space, &run.replica);
            !begins || !is_sound(run, end)
        });
        match forged {
            Some((run, _)) => Err(BlockError::Forged { author: run.replica }),
            None => Ok(()),
        }
    }

    /// The packed bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// The checksum that the bytes begin with.
    pub fn checksum(&self) -> &[u8] {
        let begin = BLOCK_MAGIC.len() + 1;
        &self.0.bytes[begin..begin + BLOCK_CHECKSUM_LEN]
    }

    /// Bytes of memory that the block takes, roughly, its commits' names included.
    pub(crate) fn memory(&self) -> usize {
        let Inner { bytes, runs, anchors, aggregates, events, metadata, seen, entries, .. } =
            &*self.0;
        // The tables own copies of their texts.
        2 * bytes.len()
            + size_of_val(runs.as_slice())
            + size_of_val(anchors.as_slice())
            + size_of_val(seen.as_slice())
            + entries.len() * (size_of::<Header>() + size_of::<Commit>())
            + (aggregates.len() + events.len() + metadata.len()) * TABLE_ROW_MEMORY
    }

    /// The space that the events belong to.
    pub fn space(&self) -> &SpaceId {
        &self.0.space
    }

    /// The number of events in it, at least 1.
    #[allow(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// The authors' runs. An author that has forked may have several.
    pub fn runs(&self) -> &[Run] {
        &self.0.runs
    }

    /// The commits that contexts refer to. The block's authors held them when they wrote it.
    pub fn anchors(&self) -> &[CommitId] {
        &self.0.anchors
    }

    /// The idempotency keys of the edits in it.
    pub fn once(&self) -> impl Iterator<Item = &str> {
        self.0.metadata.iter().filter_map(Metadata::once)
    }

    /// The traces that its events belong to.
    pub(crate) fn trace_parents(&self) -> impl Iterator<Item = TraceParent> {
        self.0.metadata.iter().filter_map(Metadata::trace_parent)
    }

    /// The aggregates that the events are about, each once, in the order of their first events.
    pub fn aggregates(&self) -> &[AggregateId] {
        &self.0.aggregates
    }

    /// True if there are tombstones among its commits.
    pub fn has_tombstones(&self) -> bool {
        self.0.has_tombstones
    }

    /// True if a hub refused a commit of this block, and took away what it says.
    pub(crate) fn is_tombstone(&self, commit: &Commit) -> bool {
        self.entry(commit.entries.start).is_some_and(|first| first.is_tombstone())
    }

    /// The events in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + DoubleEndedIterator {
        self.0.entries.iter().map(|header| Entry { block: &self.0, header })
    }

    /// The event at an index.
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        self.0.entries.get(index).map(|header| Entry { block: &self.0, header })
    }

    /// The commits in order, with their names. Hashes the block when it is first called.
    pub fn commits(&self) -> &[Commit] {
        self.0.commits.get_or_init(|| self.hash_commits())
    }

    /// The commits of one run, in order.
    pub fn commits_of(&self, run: usize) -> impl Iterator<Item = &Commit> {
        self.commits().iter().filter(move |commit| commit.run == run)
    }

    /// The last commit of each run.
    pub fn ends(&self) -> Vec<CommitId> {
        let mut ends: Vec<_> = self.0.runs.iter().map(Run::before).collect();
        for commit in self.commits() {
            ends[commit.run] = commit.id;
        }
        ends
    }

    fn hash_commits(&self) -> Vec<Commit> {
        let mut chains: Vec<_> = self.0.runs.iter().map(|run| run.chain_before).collect();
        let (mut commits, mut hasher) = (Vec::new(), LeafHasher::default());
        let mut first = 0;
        for (index, entry) in self.entries().enumerate() {
            let run = entry.run();
            let of_run = &self.0.runs[run];
            if index == first {
                hasher.begin(of_run.nonce);
            }
            hasher.add(entry.parts(), entry.seen());
            if entry.last() {
                chains[run] = chains[run].then(&entry.kept_leaf().unwrap_or_else(|| hasher.leaf()));
                let (author, chain) = (of_run.replica, chains[run]);
                let id = CommitId { author, seq: entry.header.seq, chain };
                commits.push(Commit { id, run, entries: first..index + 1 });
                first = index + 1;
            }
        }
        commits
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Block {}

/// One event of a block.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    block: &'a Inner,
    header: &'a Header,
}

impl<'a> Entry<'a> {
    /// The index of its author's run.
    pub const fn run(&self) -> usize {
        self.header.run as usize
    }

    /// Its author and its number. Not a name where the author's events have forked.
    pub fn dot(&self) -> Dot {
        Dot { replica: self.block.runs[self.run()].replica, seq: self.header.seq }
    }

    /// The author's hybrid clock.
    pub const fn hlc(&self) -> Hlc {
        self.header.hlc
    }

    /// True if it is the last event of its commit.
    pub const fn last(&self) -> bool {
        self.header.last
    }

    /// True if a hub refused its commit, and took away what it says: see [`Envelope::tombstone`].
    pub const fn is_tombstone(&self) -> bool {
        self.header.tombstone
    }

    /// The leaf of its commit, if it is the last event of a tombstone.
    fn kept_leaf(&self) -> Option<Leaf> {
        let keeps = self.header.tombstone && self.header.last;
        keeps.then(|| Leaf::from_slice(self.payload_bytes())).flatten()
    }

    /// The aggregate that it is about.
    pub fn aggregate(&self) -> &'a AggregateId {
        &self.block.aggregates[self.aggregate_index()]
    }

    /// The index of its aggregate among the block's.
    pub const fn aggregate_index(&self) -> usize {
        self.header.aggregate as usize
    }

    /// The event's name and version.
    pub fn event(&self) -> &'a EventRef {
        &self.block.events[usize::from(self.header.event)]
    }

    /// Events of the aggregate that its author had seen: the index of an anchor, and the number.
    pub fn context_rows(&self) -> &'a [(usize, u64)] {
        &self.block.seen[self.header.context.range()]
    }

    /// Its metadata.
    pub fn metadata(&self) -> &'a Metadata {
        &self.block.metadata[usize::from(self.header.metadata)]
    }

    /// Its payload.
    pub(crate) fn payload_bytes(&self) -> &'a [u8] {
        &self.block.bytes[self.header.payload.range()]
    }

    /// Its payload; shares the block's memory.
    pub fn payload(&self) -> Bytes {
        self.block.bytes.slice(self.header.payload.range())
    }

    /// The whole envelope; payload and extensions share the block's memory.
    pub fn envelope(&self) -> Envelope {
        Envelope {
            dot: self.dot(),
            aggregate: self.aggregate().clone(),
            event: self.event().clone(),
            hlc: self.header.hlc,
            context: Context::of(self.seen()),
            last: self.header.last,
            metadata: self.metadata().clone(),
            extensions: self.block.bytes.slice(self.header.extensions.range()),
            payload: self.payload(),
            tombstone: self.header.tombstone,
        }
    }

    /// Events of the aggregate that its author had seen, by branch.
    pub fn seen(&self) -> impl ExactSizeIterator<Item = Seen> + use<'a> {
        let block = self.block;
        self.context_rows()
            .iter()
            .map(|(anchor, seq)| Seen { on: block.anchors[*anchor], seq: *seq })
    }

    fn parts(&self) -> Covered<'a> {
        let bytes = &self.block.bytes;
        Covered {
            aggregate: self.aggregate(),
            event: self.event(),
            hlc: self.header.hlc,
            metadata: self.metadata(),
            extensions: &bytes[self.header.extensions.range()],
            payload: &bytes[self.header.payload.range()],
        }
    }
}

/// Reason why bytes are not a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The checksum does not fit the bytes: they were damaged.
    #[error("the block's checksum does not fit its bytes: they were damaged")]
    Checksum,
    /// Compressed by a codec that this version does not know. Upgrade this program.
    #[error(
        "the block is compressed by codec {codec}, which this program does not know; upgrade it"
    )]
    Codec {
        /// The codec's number.
        codec: u8,
    },
    /// Something in it was not written by the author that it names.
    #[error("the block has events in the name of {author:.8} that it did not sign")]
    Forged {
        /// The author named.
        author: ReplicaId,
    },
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

pub(crate) fn checksum(body: &[u8]) -> [u8; BLOCK_CHECKSUM_LEN] {
    let mut short = [0; BLOCK_CHECKSUM_LEN];
    short.copy_from_slice(&blake3::hash(body).as_bytes()[..BLOCK_CHECKSUM_LEN]);
    short
}

#[cfg(test)]
pub(crate) mod tests;
