//! The canonical codec: a strict subset of protobuf in which one value has exactly one encoding.
//!
//! Any protobuf library reads these bytes. The reverse does not hold: the [`Reader`] refuses every
//! form that the [`Writer`] would not have written, so equal values have equal bytes and equal
//! hashes.
//!
//! - Fields stand in ascending order of their numbers, each scalar once; varints are minimal.
//! - Signed integers are zig-zag (`sint32`, `sint64`); floating-point numbers are fixed and have
//!   one NaN.
//! - A plain field is always written, also when it is zero or empty. `None` and empty collections
//!   are absent.
//! - Sets and maps are sorted by the encoded bytes of their elements and keys, without repetition.
//! - Integers are range-checked when they are read into a narrower type.
//!
//! Nothing is allocated from a declared length: a length is first compared with the bytes that are
//! there.
//!
//! [`Value`] is what fits into one field once, [`Field`] what a field of a type can be (a value, an
//! optional one, a collection), and [`Message`] a type made of numbered fields.

mod field;
mod foreign;
#[doc(hidden)]
pub mod json;
mod lineage;
mod reader;
mod shape;
mod value;
mod writer;

#[doc(hidden)]
pub use field::Coded;
pub use field::Field;
pub use lineage::{Lineage, Parts, ValueSchema};
pub use reader::{Reader, Unknown};
pub use shape::{FieldSchema, Named, Scalar, Shape, ValueRef};
#[doc(hidden)]
pub use shape::{ShownAs, field_schema, field_schema_of};
pub use value::{Value, WireType};
pub use writer::Writer;

/// Depth to which messages may be nested.
pub const DEPTH_MAX: u8 = 64;
/// The greatest field number of protobuf.
pub const FIELD_NUMBER_MAX: u32 = (1 << 29) - 1;

/// A type that is written as numbered fields. `#[derive(SyncValue)]` and the other macros implement
/// it.
pub trait Message: Sized {
    /// Writes the fields, ascending by number.
    fn write_fields(&self, out: &mut Writer);

    /// Reads the fields, ascending by number. The caller calls [`Reader::finish`].
    ///
    /// # Errors
    /// When a field is missing, of another type, or not canonical.
    fn read_fields(input: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// The canonical bytes of a message.
///
/// # Errors
/// [`WireError::TooDeep`] when values are nested deeper than [`DEPTH_MAX`].
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, WireError> {
    let mut out = Writer::new();
    message.write_fields(&mut out);
    out.finish()
}

/// Reads a message from exactly `bytes`, refusing unknown fields.
///
/// # Errors
/// When the bytes are not the canonical encoding of an `M`.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, WireError> {
    decode_with(bytes, Unknown::Refuse)
}

/// Reads a message from exactly `bytes`, with a choice about unknown fields.
///
/// # Errors
/// When the bytes are not the canonical encoding of an `M`.
pub fn decode_with<M: Message>(bytes: &[u8], unknown: Unknown) -> Result<M, WireError> {
    let mut input = Reader::new(bytes, unknown);
    let message = M::read_fields(&mut input)?;
    input.finish()?;
    Ok(message)
}

/// The result of a conversion that a program states.
#[doc(hidden)]
#[allow(clippy::missing_errors_doc, reason = "for expansions")]
pub fn converted<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, WireError> {
    result.map_err(|error| WireError::Unconverted { reason: error.to_string() })
}

/// A field, alone in a message, as `Debug` shows it; `None` when a conversion that the program states
/// refuses it.
#[doc(hidden)]
#[allow(clippy::missing_errors_doc, reason = "for expansions")]
pub fn shown<T: std::fmt::Debug>(
    message: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<Option<String>, WireError> {
    let mut input = Reader::new(message, Unknown::Refuse);
    match read(&mut input) {
        Ok(read) => input.finish().map(|()| Some(format!("{read:?}"))),
        Err(WireError::Unconverted { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The number of a variant that an enum does not know, for the variant that stands for such
/// numbers.
#[doc(hidden)]
pub fn unknown_variant(number: u64, target: &'static str) -> Result<u32, WireError> {
    let found = u32::try_from(number).ok().filter(|number| i32::try_from(*number).is_ok());
    found.ok_or(WireError::UnknownVariant { number, target })
}

/// Reason why bytes are not the canonical encoding of the type they were read as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A field number outside 1 to [`FIELD_NUMBER_MAX`], or a wire type that protobuf lacks or has
    /// retired.
    #[error("byte {at}: not a field tag")]
    BadTag {
        /// Offset in the message.
        at: usize,
    },
    /// A collection is written although it is empty.
    #[error("field {number}: an empty collection is left out, not written")]
    EmptyCollection {
        /// The field.
        number: u32,
    },
    /// Text, length or number that the type does not allow.
    #[error("not a valid {expected}")]
    Invalid {
        /// The expected form.
        expected: &'static str,
    },
    /// A varint in more bytes than it needs, or beyond 64 bits.
    #[error("a varint is not in its shortest form")]
    LongVarint,
    /// A field that must be present is not.
    #[error("field {number} is missing")]
    Missing {
        /// The field.
        number: u32,
    },
    /// Another bit pattern for a floating-point number that is not a number than the one in use.
    #[error("not the canonical NaN")]
    OtherNan,
    /// A conversion that the program states refuses the value: that of `#[field(with = …)]`, or
    /// serde's.
    #[error("the value cannot be converted: {reason}")]
    Unconverted {
        /// The reason that it gives.
        reason: String,
    },
    /// An integer does not fit the type it is read into.
    #[error("{value} does not fit into {target}")]
    OutOfRange {
        /// The value.
        value: i128,
        /// The type.
        target: &'static str,
    },
    /// A field that occurs once is repeated.
    #[error("field {number} is written more than once")]
    Repeated {
        /// The field.
        number: u32,
    },
    /// Deeper than [`DEPTH_MAX`].
    #[error("values are nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// A field number that the type does not have.
    #[error("field {number} is not known")]
    UnknownField {
        /// The field.
        number: u32,
    },
    /// A number that no variant of the enum has.
    #[error("{number} is no variant of {target}")]
    UnknownVariant {
        /// The number.
        number: u64,
        /// The enum.
        target: &'static str,
    },
    /// Fields, set elements or map keys are not in ascending order, or one is repeated.
    #[error("field {number} is out of order")]
    Unsorted {
        /// The field.
        number: u32,
    },
    /// A field has another wire type than its Rust type is written with.
    #[error("field {number} has another wire type")]
    WrongType {
        /// The field.
        number: u32,
    },
}

#[cfg(test)]
mod tests;
