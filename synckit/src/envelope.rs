//! The envelope: one event as it is stored and sent.
//!
//! An envelope has one canonical form, from which its commit's [leaf](crate::chain::Leaf) is
//! hashed. In stores and on the wire envelopes travel packed into [blocks](crate::block), from
//! which they are restored exactly. Payload and extensions are opaque here: nobody but the typed
//! edge reads them, and nobody re-encodes them.

use bytes::Bytes;

mod trace_parent;

pub use trace_parent::{TraceParent, TraceParentError};

use crate::chain::{CommitId, Leaf};
use crate::clock::Hlc;
use crate::event::EventRef;
use crate::id::{AggregateId, Dot};
use crate::wire::Writer;

/// Largest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Most metadata entries of one event.
pub const METADATA_ENTRIES_MAX: usize = 16;
/// Longest metadata key and longest metadata value, in bytes.
pub const METADATA_BYTES_MAX: usize = 1_024;
/// Most bytes of header extensions of one event.
pub const EXTENSIONS_BYTES_MAX: usize = 4_096;
/// Most rows of an event's causal context. A context that would have more is shortened, and then
/// errs towards "concurrent".
pub const CONTEXT_ROWS_MAX: usize = 1_024;

/// One event with everything that others need to store, order, forward and apply it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct Envelope {
    /// The event's name: its author, and its number among the author's events in the space.
    pub dot: Dot,
    /// The aggregate it is about.
    pub aggregate: AggregateId,
    /// The event's name and schema version.
    pub event: EventRef,
    /// The author's hybrid clock.
    pub hlc: Hlc,
    /// Events of the aggregate that the author had seen and that this one depends on.
    pub context: Context,
    /// True if it is the last event of its commit. A commit is never applied in part.
    pub last: bool,
    /// Small strings for whoever reads the history: actor, trace id.
    pub metadata: Metadata,
    /// Header fields of later versions of synckit, verbatim.
    pub extensions: Bytes,
    /// The event's fields in canonical encoding.
    pub payload: Bytes,
    /// True if it is a tombstone: a hub refused the event's commit, and took away payloads and
    /// extensions. The payload of the commit's last event is then the commit's leaf, of 32 bytes, and
    /// those before it have none.
    pub tombstone: bool,
}

/// Events of an aggregate that an author had seen and that another event of its depends on, one row per
/// branch of an author.
///
/// The author's own earlier events are implied.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Context(Vec<Seen>);

/// One row of a [`Context`]: the events of an author up to a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct Seen {
    /// A commit of that author which the event's author held. Tells which branch is meant where
    /// the author's events have forked.
    pub on: CommitId,
    /// The number of the last event seen, at most `on.seq`.
    pub seq: u64,
}

impl Context {
    /// Nothing seen.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes rows, sorts them, and drops what is no row: number 0, or one beyond its commit.
    pub fn of(rows: impl IntoIterator<Item = Seen>) -> Self {
        let mut rows: Vec<_> =
            rows.into_iter().filter(|row| (1..=row.on.seq).contains(&row.seq)).collect();
        // Of two rows on one path the longer says what the other does.
        rows.sort_unstable_by_key(|row| (row.on, std::cmp::Reverse(row.seq)));
        rows.dedup_by_key(|row| row.on);
        Self(rows)
    }

    /// The rows, ascending by author.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Seen> {
        self.0.iter()
    }

    /// The number of rows.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True if nothing was seen.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The parts of an envelope that its commit's leaf covers, wherever they are, the context left out.
/// Author and number are covered by the chain, the end of the commit by the leaf.
#[derive(Clone, Copy)]
pub(crate) struct Covered<'a> {
    pub(crate) aggregate: &'a AggregateId,
    pub(crate) event: &'a EventRef,
    pub(crate) hlc: Hlc,
    pub(crate) metadata: &'a Metadata,
    pub(crate) extensions: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Hashes the events of one commit into its leaf. Reuses its buffer from commit to commit.
#[derive(Debug, Default)]
pub(crate) struct LeafHasher(Writer);

impl LeafHasher {
    /// Begins a commit written under a nonce.
    pub(crate) fn begin(&mut self, nonce: u64) {
        self.0.clear();
        self.0.raw(&nonce.to_le_bytes());
    }

    /// Adds an event: every part is fixed in length or preceded by its length, so no two commits
    /// have the same bytes.
    pub(crate) fn add(&mut self, parts: Covered<'_>, context: impl ExactSizeIterator<Item = Seen>) {
        let out = &mut self.0;
        out.bytes(parts.aggregate.kind.as_str().as_bytes());
        out.bytes(parts.aggregate.key.as_bytes());
        out.bytes(parts.event.name.as_str().as_bytes());
        out.varint(u64::from(parts.event.version));
        out.varint(u64::from(parts.event.min_reader));
        out.raw(&parts.hlc.to_bits().to_le_bytes());
        out.varint(context.len() as u64);
        for Seen { on, seq } in context {
            out.raw(on.author.as_bytes());
            out.varint(on.seq);
            out.raw(on.chain.as_bytes());
            out.varint(seq);
        }
        out.varint(parts.metadata.len() as u64);
        for (key, value) in parts.metadata.iter() {
            out.bytes(key.as_bytes());
            out.bytes(value.as_bytes());
        }
        out.bytes(parts.extensions);
        out.bytes(parts.payload);
    }

    /// Adds an event that is not packed.
    pub(crate) fn add_envelope(&mut self, envelope: &Envelope) {
        let parts = Covered {
            aggregate: &envelope.aggregate,
            event: &envelope.event,
            hlc: envelope.hlc,
            metadata: &envelope.metadata,
            extensions: &envelope.extensions,
            payload: &envelope.payload,
        };
        self.add(parts, envelope.context.iter().copied());
    }

    /// The name of a commit that follows another.
    pub(crate) fn name(&mut self, before: &CommitId, nonce: u64, commit: &[Envelope]) -> CommitId {
        let chain = before.chain.then(&self.leaf_of(nonce, commit));
        CommitId { seq: before.seq + commit.len() as u64, chain, ..*before }
    }

    /// The leaf of a commit, which a tombstone keeps.
    fn leaf_of(&mut self, nonce: u64, commit: &[Envelope]) -> Leaf {
        let last = commit.last().filter(|last| last.tombstone);
        if let Some(kept) = last.and_then(|last| Leaf::from_slice(&last.payload)) {
            return kept;
        }
        self.begin(nonce);
        commit.iter().for_each(|envelope| self.add_envelope(envelope));
        self.leaf()
    }

    /// The tombstone of a commit that was written under a nonce: with the same name, and without what its
    /// events say.
    pub(crate) fn tombstone(&mut self, nonce: u64, commit: Vec<Envelope>) -> Vec<Envelope> {
        let leaf = Bytes::copy_from_slice(self.leaf_of(nonce, &commit).as_bytes());
        let bury = |envelope: Envelope| Envelope {
            payload: if envelope.last { leaf.clone() } else { Bytes::new() },
            extensions: Bytes::new(),
            tombstone: true,
            ..envelope
        };
        commit.into_iter().map(bury).collect()
    }

    /// The leaf of the events added since [`LeafHasher::begin`].
    pub(crate) fn leaf(&self) -> Leaf {
        Leaf::of(self.0.written())
    }
}

/// The metadata entry that holds the idempotency key of an edit.
const ONCE: &str = "synckit.once";
/// The beginning of the names of metadata entries that are synckit's own.
const RESERVED: &str = "synckit.";

/// A small map of strings that travels with an event.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Metadata(Vec<(String, String)>);

/// Reason why a metadata entry was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A key or value is too long, or a key is empty.
    #[error("metadata keys have 1 to {METADATA_BYTES_MAX} bytes and values at most as many")]
    Length,
    /// The name is synckit's own. Take one that does not begin with `synckit.`.
    #[error("metadata keys that begin with `{RESERVED}` are synckit's own")]
    Reserved,
    /// There are too many entries.
    #[error("an event has at most {METADATA_ENTRIES_MAX} metadata entries")]
    TooMany,
}

impl Metadata {
    /// Nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds or replaces an entry.
    ///
    /// # Errors
    /// When a limit would be passed, or the key is synckit's own; the map is then left as it was.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        if key.starts_with(RESERVED) {
            return Err(MetadataError::Reserved);
        }
        self.set(key, value)
    }

    /// The same entries with the idempotency key of an edit.
    pub(crate) fn with_once(mut self, once: &str) -> Result<Self, MetadataError> {
        if once.is_empty() {
            return Err(MetadataError::Length);
        }
        self.set(ONCE, once)?;
        Ok(self)
    }

    /// The idempotency key of the edit.
    pub fn once(&self) -> Option<&str> {
        self.get(ONCE)
    }

    /// Adds or replaces an entry, also one of synckit's own: for events that are read back as they were
    /// written.
    ///
    /// # Errors
    /// When a limit would be passed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        if !(1..=METADATA_BYTES_MAX).contains(&key.len()) || value.len() > METADATA_BYTES_MAX {
            return Err(MetadataError::Length);
        }
        match self.place(key) {
            Ok(place) => value.clone_into(&mut self.0[place].1),
            Err(_) if self.0.len() >= METADATA_ENTRIES_MAX => return Err(MetadataError::TooMany),
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (key.to_owned(), value.to_owned()));
            }
        }
        Ok(())
    }

    /// The value of an entry.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.place(key).ok().map(|place| self.0[place].1.as_str())
    }

    /// The place of a key, or the one that it would have.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| held.as_str().cmp(key))
    }

    /// The entries, ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The number of entries.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
