//! Samples of converted events, which hold a conversion to what it does.
//!
//! A lock can name a function and cannot hold its body. So the first blessing draws payloads of the
//! older versions, runs them through the conversion, and the lock keeps both. From then on the
//! payloads of the lock are run again: how they are drawn may change in any version of this crate.

use std::panic::{AssertUnwindSafe, catch_unwind};

use synckit_lock::{Lock, Sample};

use super::Published;
use crate::event::{self, DecodeError, EventKind, EventRef, SyncEvent};
use crate::id::Name;
use crate::wire::{FieldSchema, Parts, Scalar, Shape, ValueRef, ValueSchema, WireType, Writer};

/// Samples that are kept of each version.
const SAMPLES: usize = 16;
/// Samples among them that the function refuses.
const REFUSED: usize = 6;
/// Payloads that are drawn to find as many that can be read.
const TRIES: u64 = 512;
/// Bytes of the longest payload that is kept.
const PAYLOAD_MAX: usize = 4_096;
/// Depth at which collections are empty and options absent, and at which a payload is given up.
const SHALLOW: u8 = 2;
const DEEP: u8 = 8;

/// Reads an event as a program's type does and writes it again.
pub(crate) type Reread = fn(&EventRef, &[u8]) -> Result<Vec<u8>, Unconverted>;

/// A payload that was not converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unconverted {
    /// The function refuses it.
    Converting,
    /// The function panics on it.
    Panicking,
    /// It is no payload of its version.
    Unreadable,
}

pub(crate) fn reread<E: SyncEvent>(
    event: &EventRef,
    payload: &[u8],
) -> Result<Vec<u8>, Unconverted> {
    let event: E = event::decode(event, payload).map_err(|error| match error {
        DecodeError::Upcast { .. } => Unconverted::Converting,
        _ => Unconverted::Unreadable,
    })?;
    let mut out = Writer::new();
    event.write_payload(&mut out);
    out.finish().map_err(|_| Unconverted::Unreadable)
}

impl Published {
    /// The samples that the lock file is to have of the version: those that it has, with their
    /// results as they are, and others for versions of which it has none.
    ///
    /// # Errors
    /// A version that no payload could be drawn of.
    pub(crate) fn samples(&self, lock: Option<&Lock>) -> Result<Vec<Sample>, u32> {
        let Some((kind, reread)) = self.converting else { return Ok(Vec::new()) };
        let conversion = Converter { kind, reread };
        let held = lock.map(|lock| lock.version(kind.version).unwrap_or_else(|| lock.last()));
        let held = held.map(|version| version.samples.as_slice()).unwrap_or_default();
        let mut samples = Vec::new();
        for past in conversion.past() {
            let of_past: Vec<_> = held.iter().filter(|it| it.version == past.version).collect();
            if of_past.is_empty() {
                samples.extend(conversion.drawn(past).ok_or(past.version)?);
            }
            samples.extend(of_past.into_iter().map(|sample| Sample {
                converted: conversion.run(past.version, &sample.payload).ok(),
                ..sample.clone()
            }));
        }
        samples.sort_by_key(|sample| sample.version);
        Ok(samples)
    }
}

/// A kind of event that converts older ones.
#[derive(Clone, Copy)]
struct Converter {
    kind: &'static EventKind,
    reread: Reread,
}

impl Converter {
    /// The versions that are converted, down to the first.
    fn past(&self) -> impl Iterator<Item = &'static EventKind> {
        let before = |kind: &&'static EventKind| Some(kind.converts?.past);
        std::iter::successors(before(&self.kind), before)
    }

    /// The payload after conversion, or whether the payload could be read at all.
    fn run(&self, version: u32, payload: &[u8]) -> Result<Vec<u8>, Unconverted> {
        let name = Name::new(self.kind.name).map_err(|_| Unconverted::Unreadable)?;
        let event = EventRef { name, version, min_reader: version };
        let reread = AssertUnwindSafe(|| (self.reread)(&event, payload));
        catch_unwind(reread).unwrap_or(Err(Unconverted::Panicking))
    }

    fn drawn(&self, past: &EventKind) -> Option<Vec<Sample>> {
        let mut samples: Vec<Sample> = Vec::new();
        for seed in 0..TRIES {
            let Some(payload) = payload(past.fields, seed) else { continue };
            if samples.iter().any(|sample| sample.payload == payload) {
                continue;
            }
            let converted = match self.run(past.version, &payload) {
                Ok(converted) => Some(converted),
                Err(Unconverted::Converting) => None,
                Err(Unconverted::Panicking | Unconverted::Unreadable) => continue,
            };
            let refused = samples.iter().filter(|sample| sample.converted.is_none()).count();
            if converted.is_none() && refused >= REFUSED {
                continue;
            }
            samples.push(Sample { version: past.version, payload, converted });
            if samples.len() == SAMPLES {
                break;
            }
        }
        (!samples.is_empty()).then_some(samples)
    }
}

/// A value of a field, as field 1 of a message.
pub(super) fn value(shape: &Shape, seed: u64) -> Option<Vec<u8>> {
    let mut out = Writer::new();
    Draw(seed).field(1, shape, &mut out, 0)?;
    out.finish().ok().filter(|payload| payload.len() <= PAYLOAD_MAX)
}

/// A payload of these fields, the same for the same seed; `None` when it would be too long or too
/// deep.
pub(crate) fn payload(fields: &[FieldSchema], seed: u64) -> Option<Vec<u8>> {
    let mut out = Writer::new();
    Draw(seed).fields(fields, &mut out, 0)?;
    out.finish().ok().filter(|payload| payload.len() <= PAYLOAD_MAX)
}

/// A sequence of choices.
struct Draw(u64);

impl Draw {
    /// The next of SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok().filter(|count| *count > 0)?;
        of.get(usize::try_from(self.next() % count).ok()?)
    }

    fn fields(&mut self, fields: &[FieldSchema], out: &mut Writer, depth: u8) -> Option<()> {
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort_by_key(|field| field.number);
        fields.into_iter().try_for_each(|field| self.field(field.number, &field.shape, out, depth))
    }

    fn field(&mut self, number: u32, shape: &Shape, out: &mut Writer, depth: u8) -> Option<()> {
        match shape {
            Shape::Optional(inner) => {
                if depth < SHALLOW && !self.next().is_multiple_of(3) {
                    self.field(number, inner, out, depth)?;
                }
            }
            Shape::Repeated(Shape::Scalar(Scalar::U8)) => {
                let bytes = *self.one(BYTES)?;
                if !bytes.is_empty() {
                    out.tag(number, WireType::Len);
                    out.bytes(bytes);
                }
            }
            Shape::Repeated(inner) => sequence(number, inner, &self.items(inner, depth)?, out),
            Shape::Set(inner) => {
                let mut items = self.items(inner, depth)?;
                items.sort();
                items.dedup();
                sequence(number, inner, &items, out);
            }
            Shape::Map(key, value) => {
                let mut keys = self.items(key, depth)?;
                keys.sort();
                keys.dedup();
                for bytes in keys {
                    let mut entry = Writer::new();
                    entry.tag(1, wire(key));
                    entry.raw(&bytes);
                    self.field(2, value, &mut entry, depth + 1)?;
                    out.tag(number, WireType::Len);
                    out.bytes(&entry.finish().ok()?);
                }
            }
            Shape::Scalar(_) | Shape::Message(_) | Shape::Enum(_) => {
                let value = self.value(shape, depth)?;
                out.tag(number, wire(shape));
                out.raw(&value);
            }
        }
        Some(())
    }

    fn items(&mut self, shape: &Shape, depth: u8) -> Option<Vec<Vec<u8>>> {
        let count = if depth < SHALLOW { self.next() % 4 } else { 0 };
        (0..count).map(|_| self.value(shape, depth)).collect()
    }

    /// A value without its tag.
    fn value(&mut self, shape: &Shape, depth: u8) -> Option<Vec<u8>> {
        let mut out = Writer::new();
        match shape {
            Shape::Scalar(scalar) => self.scalar(*scalar, &mut out)?,
            Shape::Message(named) | Shape::Enum(named) => match named.schema() {
                Some(schema) => self.named(&schema, &mut out, depth + 1)?,
                None => out.raw(self.opaque(shape, named)?),
            },
            Shape::Optional(_) | Shape::Repeated(_) | Shape::Set(_) | Shape::Map(..) => {
                return None;
            }
        }
        out.finish().ok()
    }

    fn named(&mut self, schema: &ValueSchema, out: &mut Writer, depth: u8) -> Option<()> {
        if depth > DEEP {
            return None;
        }
        let mut inner = Writer::new();
        match schema.parts {
            Parts::Numbers(numbers) => {
                let (number, _) = self.one(numbers)?;
                out.varint(u64::from(*number));
                return Some(());
            }
            Parts::Fields(fields) => self.fields(fields, &mut inner, depth)?,
            Parts::OneOf(variants) => {
                let (number, _, fields) = self.one(variants)?;
                let mut within = Writer::new();
                self.fields(fields, &mut within, depth)?;
                inner.tag(*number, WireType::Len);
                inner.bytes(&within.finish().ok()?);
            }
        }
        out.bytes(&inner.finish().ok()?);
        Some(())
    }

    /// A value whose encoding only its author knows: one of those that he gives, or a guess.
    fn opaque(&mut self, shape: &Shape, named: &ValueRef) -> Option<&'static [u8]> {
        let given = match (named.samples(), shape) {
            ([], Shape::Enum(_)) => VARINTS,
            ([], _) => LENGTHS,
            (given, _) => given,
        };
        self.one(given).copied()
    }

    fn scalar(&mut self, scalar: Scalar, out: &mut Writer) -> Option<()> {
        let number = *self.one(NUMBERS)?;
        let unsigned = |max: u64| number.min(max);
        let signed = |draw: &mut Self, max: u64| {
            let number = i64::try_from(number.min(max)).unwrap_or(i64::MAX);
            if draw.next().is_multiple_of(3) { -number } else { number }
        };
        match scalar {
            Scalar::Bool => out.varint(number % 2),
            Scalar::U8 => out.varint(unsigned(100)),
            Scalar::U16 => out.varint(unsigned(1_000)),
            Scalar::U32 => out.varint(unsigned(1_000_000)),
            Scalar::U64 => out.varint(number),
            Scalar::I8 => out.zigzag(signed(self, 100)),
            Scalar::I16 => out.zigzag(signed(self, 1_000)),
            Scalar::I32 => out.zigzag(signed(self, 1_000_000)),
            Scalar::I64 => out.zigzag(signed(self, u64::MAX)),
            Scalar::F32 => out.fixed32(self.one(&[0.0f32, 1.0, -2.5, 36.6, 1e9])?.to_bits()),
            Scalar::F64 => out.fixed64(self.one(&[0.0f64, 1.0, -2.5, 36.6, 1e9])?.to_bits()),
            Scalar::Char => out.varint(u64::from(u32::from(*self.one(&['a', 'Z', '0', 'é'])?))),
            Scalar::Text => out.bytes(self.one(TEXTS)?.as_bytes()),
            Scalar::Bytes => out.bytes(self.one(BYTES)?),
            Scalar::Array(length) => {
                let byte = u8::try_from(number % 256).ok()?;
                out.bytes(&vec![byte; length.min(PAYLOAD_MAX + 1)]);
            }
        }
        Some(())
    }
}

/// Packed when values delimit themselves, repeated otherwise; nothing when there are none.
fn sequence(number: u32, shape: &Shape, items: &[Vec<u8>], out: &mut Writer) {
    if wire(shape) == WireType::Len {
        for item in items {
            out.tag(number, WireType::Len);
            out.raw(item);
        }
    } else if !items.is_empty() {
        out.tag(number, WireType::Len);
        out.bytes(&items.concat());
    }
}

const fn wire(shape: &Shape) -> WireType {
    match shape {
        Shape::Scalar(Scalar::F32) => WireType::Fixed32,
        Shape::Scalar(Scalar::F64) => WireType::Fixed64,
        Shape::Scalar(Scalar::Array(_) | Scalar::Bytes | Scalar::Text) | Shape::Message(_) => {
            WireType::Len
        }
        _ => WireType::Varint,
    }
}

/// None at the ends of its type, where a debug build panics and a release build wraps.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    5,
    7,
    10,
    12,
    24,
    59,
    60,
    99,
    100,
    127,
    128,
    255,
    256,
    365,
    1_000,
    1_024,
    65_535,
    86_400,
    1_000_000,
    1_700_000_000_000,
];
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "C",
    "F",
    "b",
    "x",
    "0",
    "1",
    "7",
    "42",
    "-1",
    "3.5",
    "12,50",
    "true",
    "no",
    "EUR",
    "kg",
    "Boiler B",
    "two words",
    " padded ",
    "ann@example.com",
    "2024-02-29",
    "é",
    "line\nbreak",
];
const BYTES: &[&[u8]] = &[b"", b"a", b"\0", b"\x01\x02", b"\xff\xfe\xfd", b"0123456789abcdef"];
/// Varints.
const VARINTS: &[&[u8]] = &[b"\x00", b"\x01", b"\x02", b"\x07", b"\x90\x4e"];
/// Contents with their lengths.
const LENGTHS: &[&[u8]] = &[
    b"\x00",
    b"\x011",
    b"\x02ab",
    b"\x04\x01\x02\x03\x04",
    b"\x04\x08\x01\x10\x02",
    b"\x08\x00\x00\x00\x00\x00\x00\x00\x07",
    b"\x0c0123456789ab",
    b"\x100123456789abcdef",
];

#[cfg(test)]
mod tests;
