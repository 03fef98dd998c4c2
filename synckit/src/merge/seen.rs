//! Parts of states that removals carry, where their contexts do not say what their authors had seen.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::merge::CounterSeen;
use crate::merge::bytes::encoded;
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

    /// As bytes, for a removal of a struct that has several; none of the default.
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads what [`SeenPart::to_bytes`] gave; `None` if it gave nothing like that.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

fn bytes_of<T: Value + Default + PartialEq>(part: &T) -> Vec<u8> {
    // Parts are bytes, which nothing bounds but the event that carries them.
    if *part == T::default() { Vec::new() } else { encoded(part).unwrap_or_default() }
}

fn part_of<T: Value + Default>(bytes: &[u8]) -> Option<T> {
    if bytes.is_empty() {
        return Some(T::default());
    }
    let mut input = Reader::new(bytes, Unknown::Refuse);
    let part = T::read(&mut input).ok()?;
    input.finish().ok()?;
    Some(part)
}

macro_rules! seen_part {
    (($($bound:tt)*) $part:ty) => {
        impl<$($bound)*> SeenPart for $part {
            type OfMap = MapSeen<Self>;

            fn of_map(entries: impl Iterator<Item = (Vec<u8>, Self)>) -> MapSeen<Self> {
                MapSeen::of(entries)
            }

            fn of_entry(map: &MapSeen<Self>, key: &[u8]) -> Self {
                map.part(key)
            }

            fn to_bytes(&self) -> Vec<u8> {
                bytes_of(self)
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                part_of(bytes)
            }
        }
    };
}
seen_part!(() CounterSeen);
seen_part!(() FieldsSeen);
seen_part!((S: SeenPart + Value) MapSeen<S>);

/// The context says it all, of an entry and of a map.
impl SeenPart for () {
    type OfMap = ();

    fn of_map(_: impl Iterator<Item = (Vec<u8>, Self)>) {}

    fn of_entry((): &(), _: &[u8]) {}

    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }
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

/// The parts of a struct's fields that the author of a removal of the entry that holds it had seen, by
/// the numbers of the fields. Written as bytes: each field's number as a varint, its part as bytes, and
/// so on, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldsSeen {
    parts: BTreeMap<u32, Vec<u8>>,
}

impl FieldsSeen {
    /// The parts of fields that have some.
    pub(super) fn of(parts: impl Iterator<Item = (u32, Vec<u8>)>) -> Self {
        Self { parts: parts.filter(|(_, part)| !part.is_empty()).collect() }
    }

    pub(super) fn part(&self, number: u32) -> &[u8] {
        self.parts.get(&number).map_or(&[], Vec::as_slice)
    }
}

impl Value for FieldsSeen {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bytes);

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| {
            for (number, part) in &self.parts {
                out.varint(u64::from(*number));
                out.bytes(part);
            }
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut packed = Reader::new(input.bytes()?, Unknown::Refuse);
        let mut parts = BTreeMap::new();
        while !packed.is_empty() {
            let (number, part) = (u32::try_from(packed.varint()?), packed.bytes()?);
            let last = parts.last_key_value().map_or(0, |(last, _)| *last);
            let number = number.ok().filter(|number| *number > last && !part.is_empty());
            let number =
                number.ok_or(WireError::Invalid { expected: "list of what was seen by field" })?;
            parts.insert(number, part.to_vec());
        }
        Ok(Self { parts })
    }
}
