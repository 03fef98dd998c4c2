//! Values: what fits into one field once.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use super::shape::{Scalar, Shape};
use super::{Reader, WireError, Writer};

/// Delimiting of a value's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(clippy::exhaustive_enums, reason = "protobuf's wire types")]
pub enum WireType {
    /// A base-128 varint.
    Varint = 0,
    /// Eight bytes.
    Fixed64 = 1,
    /// A length and that many bytes.
    Len = 2,
    /// Four bytes.
    Fixed32 = 5,
}

impl WireType {
    pub(super) const fn from_tag(tag: u64) -> Option<Self> {
        match tag & 7 {
            0 => Some(Self::Varint),
            1 => Some(Self::Fixed64),
            2 => Some(Self::Len),
            5 => Some(Self::Fixed32),
            _ => None,
        }
    }
}

/// A type whose values fit into one field once. `#[derive(SyncValue)]` implements it for your own
/// types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no canonical encoding",
    label = "not a value that events can carry",
    note = "values are bool, integers from i8/u8 to i128/u128 and NonZero ones, f32, f64, char, String, Box<str>, \
            Arc<str>, Bytes, [u8; N], Box<T>, Duration, SystemTime, IpAddr, Id<Aggregate> and types with \
            #[derive(SyncValue)]; another type may have a feature of synckit, or stands in a struct whose field \
            converts it: #[field(with = module)]",
    note = "a field may also be an Option, Vec, BTreeSet or BTreeMap of values; use BTreeMap for HashMap, \
            BTreeSet for HashSet, u64 for usize and i64 for isize, whose order or width varies"
)]
pub trait Value: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The value's delimiting.
    const WIRE: WireType;
    /// The value in protobuf terms.
    const SHAPE: Shape;
    #[doc(hidden)]
    const FORMER: () = ();

    /// Writes the value without a tag.
    fn write(&self, out: &mut Writer);

    /// Reads what [`Value::write`] wrote.
    ///
    /// # Errors
    /// When the bytes are not the canonical encoding of a value.
    fn read(input: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Writes a sequence as field `number`: packed when values delimit themselves. Empty is absent.
    #[doc(hidden)]
    fn write_sequence(items: &[Self], number: u32, out: &mut Writer) {
        super::field::write_sequence(items, number, out);
    }

    /// Reads what [`Value::write_sequence`] wrote.
    #[doc(hidden)]
    fn read_sequence(number: u32, input: &mut Reader<'_>) -> Result<Vec<Self>, WireError> {
        let mut items = Vec::new();
        super::field::read_sequence(number, input, |item, _| {
            items.push(item);
            Ok(())
        })?;
        Ok(items)
    }
}

macro_rules! unsigned {
    ($($type:ident $scalar:ident),*) => {$(
        impl Value for $type {
            const WIRE: WireType = WireType::Varint;
            const SHAPE: Shape = Shape::Scalar(Scalar::$scalar);

            fn write(&self, out: &mut Writer) {
                out.varint(u64::from(*self));
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                let value = input.varint()?;
                Self::try_from(value).map_err(|_| WireError::OutOfRange {
                    value: value.into(),
                    target: stringify!($type),
                })
            }
        }
    )*};
}
unsigned!(u16 U16, u32 U32, u64 U64);

macro_rules! signed {
    ($($type:ident $scalar:ident),*) => {$(
        impl Value for $type {
            const WIRE: WireType = WireType::Varint;
            const SHAPE: Shape = Shape::Scalar(Scalar::$scalar);

            fn write(&self, out: &mut Writer) {
                out.zigzag(i64::from(*self));
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                let value = input.zigzag()?;
                Self::try_from(value).map_err(|_| WireError::OutOfRange {
                    value: value.into(),
                    target: stringify!($type),
                })
            }
        }
    )*};
}
signed!(i8 I8, i16 I16, i32 I32, i64 I64);

impl Value for u8 {
    const WIRE: WireType = WireType::Varint;
    const SHAPE: Shape = Shape::Scalar(Scalar::U8);

    fn write(&self, out: &mut Writer) {
        out.varint(u64::from(*self));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let value = input.varint()?;
        Self::try_from(value)
            .map_err(|_| WireError::OutOfRange { value: value.into(), target: "u8" })
    }

    /// `Vec<u8>` is `bytes`.
    fn write_sequence(items: &[Self], number: u32, out: &mut Writer) {
        if !items.is_empty() {
            out.tag(number, WireType::Len);
            out.bytes(items);
        }
    }

    fn read_sequence(number: u32, input: &mut Reader<'_>) -> Result<Vec<Self>, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Vec::new());
        }
        match input.bytes()? {
            [] => Err(WireError::EmptyCollection { number }),
            bytes => Ok(bytes.to_vec()),
        }
    }
}

impl Value for bool {
    const WIRE: WireType = WireType::Varint;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bool);

    fn write(&self, out: &mut Writer) {
        out.varint(u64::from(*self));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        match input.varint()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(WireError::OutOfRange { value: value.into(), target: "bool" }),
        }
    }
}

impl Value for char {
    const WIRE: WireType = WireType::Varint;
    const SHAPE: Shape = Shape::Scalar(Scalar::Char);

    fn write(&self, out: &mut Writer) {
        out.varint(u64::from(u32::from(*self)));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        char::from_u32(u32::read(input)?)
            .ok_or(WireError::Invalid { expected: "Unicode character" })
    }
}

impl Value for f32 {
    const WIRE: WireType = WireType::Fixed32;
    const SHAPE: Shape = Shape::Scalar(Scalar::F32);

    fn write(&self, out: &mut Writer) {
        out.fixed32(if self.is_nan() { CANONICAL_NAN_32 } else { self.to_bits() });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let bits = input.fixed32()?;
        let value = Self::from_bits(bits);
        if value.is_nan() && bits != CANONICAL_NAN_32 {
            return Err(WireError::OtherNan);
        }
        Ok(value)
    }
}

impl Value for f64 {
    const WIRE: WireType = WireType::Fixed64;
    const SHAPE: Shape = Shape::Scalar(Scalar::F64);

    fn write(&self, out: &mut Writer) {
        out.fixed64(if self.is_nan() { CANONICAL_NAN_64 } else { self.to_bits() });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let bits = input.fixed64()?;
        let value = Self::from_bits(bits);
        if value.is_nan() && bits != CANONICAL_NAN_64 {
            return Err(WireError::OtherNan);
        }
        Ok(value)
    }
}

/// The one quiet NaN that is written.
const CANONICAL_NAN_32: u32 = 0x7fc0_0000;
const CANONICAL_NAN_64: u64 = 0x7ff8_0000_0000_0000;

impl Value for String {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Text);

    fn write(&self, out: &mut Writer) {
        out.bytes(self.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        text(input).map(str::to_owned)
    }
}

impl Value for Arc<str> {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Text);

    fn write(&self, out: &mut Writer) {
        out.bytes(self.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        text(input).map(Self::from)
    }
}

fn text<'a>(input: &mut Reader<'a>) -> Result<&'a str, WireError> {
    std::str::from_utf8(input.bytes()?).map_err(|_| WireError::Invalid { expected: "UTF-8 text" })
}

impl Value for Bytes {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bytes);

    fn write(&self, out: &mut Writer) {
        out.bytes(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.bytes().map(Self::copy_from_slice)
    }
}

impl<const N: usize> Value for [u8; N] {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Array(N));

    fn write(&self, out: &mut Writer) {
        out.bytes(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let bytes = input.bytes()?;
        bytes.try_into().map_err(|_| WireError::Invalid { expected: "byte array of this length" })
    }
}

/// A box is written as what it holds; it makes recursive types possible.
impl<T: Value> Value for Box<T> {
    const WIRE: WireType = T::WIRE;
    const SHAPE: Shape = T::SHAPE;
    const FORMER: () = <T as Value>::FORMER;

    fn write(&self, out: &mut Writer) {
        T::write(self, out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        T::read(input).map(Self::new)
    }
}
