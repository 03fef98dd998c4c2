//! Fields that serde writes: `#[field(as = "json", schema = "geojson@1")]`.
//!
//! The text is canonical: keys are sorted by their bytes and stand once, there is no white space, each
//! number has one form, and text that is written otherwise is refused. The content of such a field is
//! the business of whoever names its schema: a lock has that name and version, and no more.

#[cfg(feature = "json")]
mod serde;

use crate::wire::{FieldSchema, Reader, Shape, ValueRef, WireError, WireType, Writer};

/// Bytes of the longest text.
pub const JSON_BYTES_MAX: usize = 64 * 1024;
/// Depth to which arrays and objects may be nested.
pub const JSON_DEPTH_MAX: usize = 64;

/// A type with a JSON form.
#[cfg_attr(
    feature = "json",
    diagnostic::on_unimplemented(
        message = "`{Self}` cannot be written as JSON",
        label = "serde does not know it, or it lacks Clone, Debug or PartialEq",
        note = "derive serde's Serialize and Deserialize for it, or convert it: #[field(with = module)]"
    )
)]
#[cfg_attr(
    not(feature = "json"),
    diagnostic::on_unimplemented(
        message = "#[field(as = \"json\")] needs the feature `json` of synckit",
        label = "cannot be written as JSON without it",
        note = "turn it on in Cargo.toml, in the line of synckit: features = [\"json\"]"
    )
)]
pub trait JsonValue: Sized {
    /// The canonical text.
    ///
    /// # Errors
    /// When serde refuses the value, when its text is too long or too deep, and when it would not be
    /// read as the same value.
    fn to_text(&self) -> Result<Vec<u8>, WireError>;

    /// Reads a canonical text.
    ///
    /// # Errors
    /// When it is none, or not that of such a value.
    fn of_text(text: &[u8]) -> Result<Self, WireError>;

    /// Writes the text as field `number`.
    fn write_json(&self, number: u32, out: &mut Writer) {
        match self.to_text() {
            Ok(text) => {
                out.tag(number, WireType::Len);
                out.bytes(&text);
            }
            Err(why) => out.fail(why),
        }
    }

    /// Reads field `number`.
    ///
    /// # Errors
    /// When it is missing, and those of [`JsonValue::of_text`].
    fn read_json(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Err(WireError::Missing { number });
        }
        Self::of_text(input.bytes()?)
    }
}

/// The shape of such a field.
pub const fn shape(name: &'static str, version: u32) -> Shape {
    Shape::Message(ValueRef::opaque(name, version).with_samples(SAMPLES))
}

/// The schema of such a field.
pub const fn schema(
    number: u32,
    name: &'static str,
    named: &'static str,
    version: u32,
) -> FieldSchema {
    FieldSchema::new(number, name, shape(named, version))
}

const SAMPLES: &[&[u8]] = &[
    b"\x04null",
    b"\x04true",
    b"\x010",
    b"\x0212",
    b"\x0412.5",
    b"\x03\"a\"",
    b"\x02[]",
    b"\x03[1]",
    b"\x02{}",
];
