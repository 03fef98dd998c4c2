//! Shapes: what fields hold, as schemas and lock files say it.

use std::fmt;

use super::WireError;
use super::lineage::{Lineage, Parts, ValueSchema};

pub use synckit_lock::shape::Scalar;

/// Content of a field: part of a schema. Its text is that of lock files, such as `optional u32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// A protobuf scalar.
    Scalar(Scalar),
    /// A nested message.
    Message(ValueRef),
    /// An enum without data.
    Enum(ValueRef),
    /// Present or absent.
    Optional(&'static Shape),
    /// In order, repetitions kept.
    Repeated(&'static Shape),
    /// Sorted, without repetition.
    Set(&'static Shape),
    /// Sorted by key.
    Map(&'static Shape, &'static Shape),
}

/// A type with a schema of its own, by name and version. Types refer to each other this way, so
/// they may be recursive.
#[derive(Clone, Copy)]
pub struct ValueRef {
    name: &'static str,
    version: u32,
    history: &'static [(u32, u64)],
    former: &'static [&'static str],
    schema: Option<fn() -> ValueSchema>,
    samples: &'static [&'static [u8]],
}

/// A value type with a name, a version and a schema. Implemented by `#[derive(SyncValue)]`.
pub trait Named {
    /// The name in schemas: the type's, unless `#[value(name = "…")]` gives one.
    const NAME: &'static str;
    /// The schema version, from 1.
    const VERSION: u32;

    /// Its fields or variants.
    const PARTS: Parts;
    /// Its published versions, as far as known.
    const LINEAGE: Lineage;

    /// Its schema.
    fn schema() -> ValueSchema {
        ValueSchema {
            name: Self::NAME,
            version: Self::VERSION,
            parts: Self::PARTS,
            lineage: Self::LINEAGE,
        }
    }
}

impl ValueRef {
    /// Refers to `T`.
    pub const fn of<T: Named>() -> Self {
        let Lineage { history, former, .. } = T::LINEAGE;
        let schema: fn() -> ValueSchema = T::schema;
        Self { schema: Some(schema), history, former, ..Self::opaque(T::NAME, T::VERSION) }
    }

    /// Refers to a type whose [`Value`](super::Value) is implemented by hand. It has no lock file:
    /// whoever writes such a type keeps its bytes readable, and raises its version when they
    /// change.
    pub const fn opaque(name: &'static str, version: u32) -> Self {
        Self { name, version, history: &[], former: &[], schema: None, samples: &[] }
    }

    /// Gives encoded values of an opaque type, those of wire type `Len` with their lengths. Locks
    /// hold conversions of events to what they make of them; without any, values are guessed.
    #[must_use]
    pub const fn with_samples(self, samples: &'static [&'static [u8]]) -> Self {
        Self { samples, ..self }
    }

    /// Encoded values of an opaque type.
    pub(crate) const fn samples(&self) -> &'static [&'static [u8]] {
        self.samples
    }

    /// The name of the type.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The version of the type.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The identity that the type's lock file has for a version of it.
    pub(crate) const fn identity(&self, version: u64) -> Option<u64> {
        let mut at = 0;
        while at < self.history.len() {
            if self.history[at].0 as u64 == version {
                return Some(self.history[at].1);
            }
            at += 1;
        }
        None
    }

    /// The published types that a draft may be under another name.
    pub(crate) const fn former(&self) -> &'static [&'static str] {
        self.former
    }

    /// True if only its author knows what the type consists of.
    pub(crate) const fn is_opaque(&self) -> bool {
        self.schema.is_none()
    }

    /// The type's schema; `None` when only its author knows.
    pub fn schema(&self) -> Option<ValueSchema> {
        self.schema.map(|schema| schema())
    }
}

impl PartialEq for ValueRef {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.version) == (other.name, other.version)
    }
}

impl Eq for ValueRef {}

impl fmt::Debug for ValueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl Shape {
    /// The named type in it, of a map that of its values.
    pub(crate) fn named(&self) -> Vec<ValueRef> {
        match self {
            Self::Scalar(_) => Vec::new(),
            Self::Message(value) | Self::Enum(value) => vec![*value],
            Self::Optional(inner) | Self::Repeated(inner) | Self::Set(inner) => inner.named(),
            Self::Map(key, value) => [key.named(), value.named()].concat(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(Scalar::Array(length)) => write!(f, "bytes[{length}]"),
            Self::Scalar(scalar) => f.write_str(scalar.word()),
            Self::Message(value) | Self::Enum(value) => write!(f, "{value:?}"),
            Self::Optional(inner) => write!(f, "optional {inner}"),
            Self::Repeated(inner) => write!(f, "list {inner}"),
            Self::Set(inner) => write!(f, "set {inner}"),
            Self::Map(key, value) => write!(f, "map {key} {value}"),
        }
    }
}

/// One field of a payload or message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FieldSchema {
    /// The field's number, from 1.
    pub number: u32,
    /// The field's name.
    pub name: &'static str,
    /// Its content.
    pub shape: Shape,
    /// True if bytes of earlier versions, which lack the field, are read with the type's default.
    pub default: bool,
    /// The module that converts the field to that content and back: its path, and its revision if that is
    /// not 0.
    pub with: Option<&'static str>,
    /// Shows a value as that module reads it.
    pub(crate) reads: Option<ShownAs>,
}

/// Shows a value as a module reads it, by `Debug`.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct ShownAs(pub(crate) fn(&[u8]) -> Result<Option<String>, WireError>);

/// All are equal: what a module makes of values is for readings to say.
impl PartialEq for ShownAs {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ShownAs {}

impl fmt::Debug for ShownAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownAs")
    }
}

/// A field.
#[doc(hidden)]
pub const fn field_schema(number: u32, name: &'static str, shape: Shape) -> FieldSchema {
    FieldSchema { number, name, shape, default: false, with: None, reads: None }
}

/// A field of that type.
#[doc(hidden)]
pub const fn field_schema_of<F: super::Field>(number: u32, name: &'static str) -> FieldSchema {
    field_schema(number, name, F::SHAPE)
}

impl FieldSchema {
    /// A field.
    pub const fn new(number: u32, name: &'static str, shape: Shape) -> Self {
        field_schema(number, name, shape)
    }

    /// A field that bytes of earlier versions may lack.
    #[must_use]
    pub const fn or_default(self) -> Self {
        Self { default: true, ..self }
    }

    /// A field that a module converts, which reads a value as the function shows.
    #[doc(hidden)]
    #[must_use]
    pub const fn converted(
        self,
        with: &'static str,
        reads: fn(&[u8]) -> Result<Option<String>, WireError>,
    ) -> Self {
        Self { with: Some(with), reads: Some(ShownAs(reads)), ..self }
    }
}
