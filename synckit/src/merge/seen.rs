//! Parts of states that removals carry, where their contexts do not say what their authors had seen.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::wire::{Reader, Scalar, Shape, Unknown, Value, WireError, WireType, Writer};

/// The part of a state that a removal's author had seen, as the removal carries it. Maps nest, so it
/// says what a removal of a whole map of such entries carries.
pub trait SeenPart: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// Carried by a removal of a map of entries.
    type OfMap: SeenPart;

    /// The part of a map, of the parts of its entries by the canonical bytes of their keys.
    fn of_map(entries: impl Iterator<Item = (Vec<u8>, Self)>) -> Self::OfMap;

    /// The part of the entry that has these bytes as its key.
    fn of_entry(map: &Self::OfMap, key: &[u8]) -> Self;
}

/// The context says it all, of an entry and of a map.
impl SeenPart for () {
    type OfMap = ();

    fn of_map(_: impl Iterator<Item = (Vec<u8>, Self)>) {}

    fn of_entry((): &(), _: &[u8]) {}
}

/// The parts of a map's entries that the author of a removal of the whole map had seen, by the
/// canonical bytes of their keys. Written as bytes: each key's, its part, and so on, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct MapSeen<S> {
    parts: BTreeMap<Vec<u8>, S>,
}

impl<S> Default for MapSeen<S> {
    fn default() -> Self {
        Self { parts: BTreeMap::new() }
    }
}

impl<S: SeenPart + Value> MapSeen<S> {
    pub(super) fn of(entries: impl Iterator<Item = (Vec<u8>, S)>) -> Self {
        Self { parts: entries.filter(|(_, part)| *part != S::default()).collect() }
    }

    pub(super) fn part(&self, key: &[u8]) -> S {
        self.parts.get(key).cloned().unwrap_or_default()
    }
}

impl<S: SeenPart + Value> SeenPart for MapSeen<S> {
    type OfMap = MapSeen<Self>;

    fn of_map(entries: impl Iterator<Item = (Vec<u8>, Self)>) -> MapSeen<Self> {
        MapSeen::of(entries)
    }

    fn of_entry(map: &MapSeen<Self>, key: &[u8]) -> Self {
        map.part(key)
    }
}

impl<S: SeenPart + Value> Value for MapSeen<S> {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bytes);

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| {
            for (key, part) in &self.parts {
                out.bytes(key);
                part.write(out);
            }
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut packed = Reader::new(input.bytes()?, Unknown::Refuse);
        let mut parts = BTreeMap::<Vec<u8>, S>::new();
        while !packed.is_empty() {
            let (key, part) = (packed.bytes()?, S::read(&mut packed)?);
            let is_next = parts.last_key_value().is_none_or(|(last, _)| last.as_slice() < key);
            if !is_next || part == S::default() {
                return Err(WireError::Invalid { expected: "list of what was seen by key" });
            }
            parts.insert(key.to_vec(), part);
        }
        Ok(Self { parts })
    }
}
