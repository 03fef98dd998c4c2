//! Types that fields of the protocol's messages have, as bytes.

use bytes::Bytes;

use super::error::{FrameError, Unsound};
use super::table::{Column, Input, Message, message, write_nested};
use super::{GoodbyeCode, Resume};
use crate::envelope::Chain;
use crate::id::{Dot, Position, ReplicaId, SpaceId, StoreId, StoreIdentity};
use crate::sync::limits::{FRAME_BLOCKS_MAX, GOODBYE_BYTES_MAX};
use crate::vector::VECTOR_REPLICAS_MAX;
use crate::wire::{Field, WireType, Writer};

macro_rules! scalars {
    ($($scalar:ty),*) => {$(
        impl Column for $scalar {
            fn write(&self, number: u32, out: &mut Writer) {
                self.write_field(number, out);
            }

            fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
                Ok(input.fields.field_or_default(number)?)
            }

            #[cfg(any(test, feature = "testing"))]
            fn extremes() -> [Self; 2] {
                [<$scalar>::MIN, <$scalar>::MAX]
            }
        }
    )*};
}
scalars!(u32, u64);

impl Column for bool {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        Ok(input.fields.field_or_default(number)?)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [false, true]
    }
}

impl Column for Position {
    fn write(&self, number: u32, out: &mut Writer) {
        self.0.write(number, out);
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        u64::read(number, input).map(Self)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        u64::extremes().map(Self)
    }
}

impl<const N: usize> Column for [u8; N] {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        fixed(input.bytes(number)?.unwrap_or_default())
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [[0; N], [255; N]]
    }
}

impl<const N: usize> Column for Option<[u8; N]> {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        input.bytes(number)?.map(fixed).transpose()
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [None, Some([255; N])]
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unsound> {
    bytes.try_into().map_err(|_| Unsound::Length { expected: N, found: bytes.len() })
}

macro_rules! fixed_bytes {
    ($($id:ty),*) => {$(
        impl Column for $id {
            fn write(&self, number: u32, out: &mut Writer) {
                self.as_bytes().write(number, out);
            }

            fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
                Column::read(number, input).map(Self::from_bytes)
            }

            #[cfg(any(test, feature = "testing"))]
            fn extremes() -> [Self; 2] {
                Column::extremes().map(Self::from_bytes)
            }
        }
    )*};
}
fixed_bytes!(Chain, ReplicaId, StoreId);

impl Column for SpaceId {
    fn write(&self, number: u32, out: &mut Writer) {
        out.tag(number, WireType::Len);
        out.bytes(self.as_str().as_bytes());
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        let text: String = input.fields.field_or_default(number)?;
        Ok(Self::new(&text)?)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let longest = "ü".repeat(crate::id::SPACE_BYTES_MAX / 2);
        ["a", &longest].map(|name| Self::new(name).unwrap_or_default())
    }
}

/// Text for people, cut where it is longer than it may be.
impl Column for String {
    fn write(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        let text: Self = input.fields.field_or_default(number)?;
        Ok(cut(&text).to_owned())
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [Self::new(), "ü".repeat(GOODBYE_BYTES_MAX / 2)]
    }
}

/// As much of a text as fits, whole characters.
pub(super) fn cut(text: &str) -> &str {
    let mut end = text.len().min(GOODBYE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Column for GoodbyeCode {
    fn write(&self, number: u32, out: &mut Writer) {
        (*self as u32).write(number, out);
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        let code = u64::read(number, input)?;
        let known = Self::ALL.into_iter().find(|known| u64::from(*known as u32) == code);
        Ok(known.unwrap_or(Self::Other))
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [Self::Other, Self::Violation]
    }
}

/// Blocks, shared with the frame that they came in.
impl Column for Vec<Bytes> {
    fn write(&self, number: u32, out: &mut Writer) {
        for block in self {
            out.tag(number, WireType::Len);
            out.bytes(block);
        }
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        input.entries(number, "blocks", FRAME_BLOCKS_MAX)
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        [Self::new(), vec![Bytes::new(); FRAME_BLOCKS_MAX]]
    }
}

message! {
    /// A store's identity, as a message.
    #[derive(Debug)]
    struct Store {
        1 id: StoreId,
        2 epoch: u64,
    }
}

impl Column for StoreIdentity {
    fn write(&self, number: u32, out: &mut Writer) {
        Store { id: self.id, epoch: self.epoch }.write(number, out);
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        Store::read(number, input).map(|Store { id, epoch }| Self { id, epoch })
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        Store::extremes().map(|Store { id, epoch }| Self { id, epoch })
    }
}

message! {
    /// The name of one event, standing for all of its author's events up to it.
    #[derive(Debug)]
    struct Held {
        1 replica: ReplicaId,
        2 seq: u64,
    }
}

/// The entries of a frontier, each with the author's last event held.
fn read_frontier(bytes: &Bytes) -> Result<Vec<Dot>, FrameError> {
    let place = FrameError::at("Frontier.dots");
    let mut input = Input::new(bytes);
    let entries = input.entries(1, "authors", VECTOR_REPLICAS_MAX).map_err(&place)?;
    let dots = entries.iter().map(|entry| {
        let Held { replica, seq } = Held::read_fields(entry)?;
        if seq == 0 { Err(place(Unsound::SeqZero)) } else { Ok(Dot { replica, seq }) }
    });
    let dots = dots.collect::<Result<_, _>>()?;
    input.finish().map_err(place)?;
    Ok(dots)
}

/// Takes two numbers: that of the position, and the next one for the frontier.
impl Column for Resume {
    fn write(&self, number: u32, out: &mut Writer) {
        match self {
            Self::After(position) => position.write(number, out),
            Self::Frontier(dots) => write_nested(number + 1, out, |out| {
                for Dot { replica, seq } in dots.iter().copied() {
                    Held { replica, seq }.write(1, out);
                }
            }),
        }
    }

    fn read(number: u32, input: &mut Input<'_>) -> Result<Self, Unsound> {
        let after = if input.fields.take(number, WireType::Varint)? {
            Some(Position(input.fields.varint()?))
        } else {
            None
        };
        match (after, input.shared(number + 1)?) {
            (Some(position), None) => Ok(Self::After(position)),
            (None, Some(frontier)) => {
                read_frontier(&frontier).map(Self::Frontier).map_err(FrameError::into_reason)
            }
            (None, None) => Err(Unsound::Missing),
            (Some(_), Some(_)) => Err(Unsound::Both),
        }
    }

    #[cfg(any(test, feature = "testing"))]
    fn extremes() -> [Self; 2] {
        let authors = (0..VECTOR_REPLICAS_MAX).map(|number| {
            let mut bytes = [255; ReplicaId::LEN];
            bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
            Dot { replica: ReplicaId::from_bytes(bytes), seq: u64::MAX }
        });
        [Self::After(Position::START), Self::Frontier(authors.collect())]
    }
}
