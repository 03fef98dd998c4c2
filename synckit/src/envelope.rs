//! The envelope: one event as it is stored and sent.
//!
//! An envelope has one canonical form, and that form has one hash. The canonical form is what
//! hashes are made over; in stores and on the wire envelopes travel packed into
//! [blocks](crate::block), from which the canonical form is restored exactly. Payload and
//! extensions are opaque here: nobody but the typed edge reads them, and nobody re-encodes them.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::clock::Hlc;
use crate::event::EventRef;
use crate::id::{AggregateId, Dot, ReplicaId, SpaceId, hex};
use crate::vector::{VectorClock, VectorFull};
use crate::wire::{Field, WireType, Writer};

/// Largest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Most metadata entries of one event.
pub const METADATA_ENTRIES_MAX: usize = 16;
/// Longest metadata key and longest metadata value, in bytes.
pub const METADATA_BYTES_MAX: usize = 1_024;
/// Most bytes of header extensions of one event.
pub const EXTENSIONS_BYTES_MAX: usize = 4_096;
/// Most replicas that an event's causal context names. A context that would name more is shortened,
/// and then errs towards "concurrent".
pub const CONTEXT_REPLICAS_MAX: usize = 1_024;

/// One event with everything that others need to store, order, forward and apply it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The event's name: its author, and its number among the author's events in the space.
    pub dot: Dot,
    /// The aggregate it is about.
    pub aggregate: AggregateId,
    /// Which event it is, in which schema version.
    pub event: EventRef,
    /// The author's hybrid clock.
    pub hlc: Hlc,
    /// What the author had seen of the aggregate; empty when the event needs none. Does not name
    /// the author.
    pub context: VectorClock,
    /// Whether it is the last event of its commit. A commit is never applied in part.
    pub last: bool,
    /// Small strings for whoever reads the history: actor, trace id.
    pub metadata: Metadata,
    /// Header fields of later versions of synckit, verbatim.
    pub extensions: Bytes,
    /// The event's fields in canonical encoding.
    pub payload: Bytes,
}

impl Envelope {
    /// The hash of a replica's events up to and including this one, given the hash up to the one
    /// before.
    pub fn chain(&self, space: &SpaceId, before: &Chain) -> Chain {
        self.parts().chain(space, before)
    }

    /// Writes the canonical form, a protobuf message (see `docs/storage.md`).
    pub fn write_canonical(&self, space: &SpaceId, out: &mut Writer) {
        self.parts().write_canonical(space, out);
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            dot: self.dot,
            aggregate: &self.aggregate,
            event: &self.event,
            hlc: self.hlc,
            context: &self.context,
            last: self.last,
            metadata: &self.metadata,
            extensions: &self.extensions,
            payload: &self.payload,
        }
    }
}

/// The parts of an envelope, wherever they are.
pub(crate) struct Parts<'a> {
    pub(crate) dot: Dot,
    pub(crate) aggregate: &'a AggregateId,
    pub(crate) event: &'a EventRef,
    pub(crate) hlc: Hlc,
    pub(crate) context: &'a VectorClock,
    pub(crate) last: bool,
    pub(crate) metadata: &'a Metadata,
    pub(crate) extensions: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl Parts<'_> {
    pub(crate) fn chain(&self, space: &SpaceId, before: &Chain) -> Chain {
        let mut out = Writer::new();
        out.raw(&before.0);
        self.write_canonical(space, &mut out);
        // Headers are flat: they cannot be nested too deep.
        Chain(*blake3::hash(&out.finish().unwrap_or_default()).as_bytes())
    }

    fn write_canonical(&self, space: &SpaceId, out: &mut Writer) {
        text_field(space.as_str(), 1, out);
        self.dot.replica.as_bytes().write_field(2, out);
        self.dot.seq.write_field(3, out);
        text_field(self.aggregate.kind.as_str(), 4, out);
        bytes_field(self.aggregate.key.as_bytes(), 5, out);
        text_field(self.event.name.as_str(), 6, out);
        self.event.version.write_field(7, out);
        self.event.min_reader.write_field(8, out);
        self.hlc.to_bits().write_field(9, out);
        for dot in self.context.iter() {
            out.tag(10, WireType::Len);
            out.nested(|out| {
                dot.replica.as_bytes().write_field(1, out);
                dot.seq.write_field(2, out);
            });
        }
        self.last.write_field(11, out);
        self.metadata.0.write_field(12, out);
        if !self.extensions.is_empty() {
            bytes_field(self.extensions, 13, out);
        }
        bytes_field(self.payload, 14, out);
    }
}

fn text_field(text: &str, number: u32, out: &mut Writer) {
    bytes_field(text.as_bytes(), number, out);
}

fn bytes_field(bytes: &[u8], number: u32, out: &mut Writer) {
    out.tag(number, WireType::Len);
    out.bytes(bytes);
}

/// The running BLAKE3 hash over a replica's events in a space: two stores with the same hash at the
/// same number hold the same events of that replica.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain([u8; Self::LEN]);

impl Chain {
    /// Length in bytes.
    pub const LEN: usize = 32;
    /// Before a replica's first event.
    pub const START: Self = Self([0; Self::LEN]);

    /// Takes 32 bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0[..4]))
    }
}

/// How far a store holds one replica's events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The number of the last event held; 0 when none is.
    pub seq: u64,
    /// That event's clock reading.
    pub hlc: Hlc,
    /// The hash over all events up to it.
    pub chain: Chain,
}

impl Head {
    /// Nothing held.
    pub const START: Self = Self { seq: 0, hlc: Hlc::ZERO, chain: Chain::START };

    /// The name of the last event held, of which `replica` is the author.
    pub const fn dot(&self, replica: ReplicaId) -> Dot {
        Dot { replica, seq: self.seq }
    }
}

/// Exactly what a store holds of a space: the head of every replica's events.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Frontier(BTreeMap<ReplicaId, Head>);

impl Frontier {
    /// Nothing held.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// How far the events of `replica` are held.
    pub fn head(&self, replica: &ReplicaId) -> Head {
        self.0.get(replica).copied().unwrap_or(Head::START)
    }

    /// Sets how far the events of `replica` are held.
    ///
    /// # Errors
    /// When the replica would be one too many for a [`VectorClock`]; the frontier is then left as
    /// it was.
    pub fn set(&mut self, replica: ReplicaId, head: Head) -> Result<(), VectorFull> {
        if self.0.len() >= crate::vector::VECTOR_REPLICAS_MAX && !self.0.contains_key(&replica) {
            return Err(VectorFull);
        }
        self.0.insert(replica, head);
        Ok(())
    }

    /// The heads, ascending by replica.
    pub fn iter(&self) -> impl Iterator<Item = (&ReplicaId, &Head)> {
        self.0.iter()
    }

    /// How many replicas have events here.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A small map of strings that travels with an event.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Metadata(BTreeMap<String, String>);

/// Why a metadata entry was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A key or value is too long, or a key is empty.
    #[error("metadata keys have 1 to {METADATA_BYTES_MAX} bytes and values at most as many")]
    Length,
    /// There are too many entries.
    #[error("an event has at most {METADATA_ENTRIES_MAX} metadata entries")]
    TooMany,
}

impl Metadata {
    /// Nothing.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds or replaces an entry.
    ///
    /// # Errors
    /// When a limit would be passed; the map is then left as it was.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        if !(1..=METADATA_BYTES_MAX).contains(&key.len()) || value.len() > METADATA_BYTES_MAX {
            return Err(MetadataError::Length);
        }
        if self.0.len() >= METADATA_ENTRIES_MAX && !self.0.contains_key(key) {
            return Err(MetadataError::TooMany);
        }
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// The value of an entry.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The entries, ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
