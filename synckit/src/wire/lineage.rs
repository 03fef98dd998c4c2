//! Schemas of value types, and what is known of a type's published versions.

use super::shape::FieldSchema;

/// Schema of a value type.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ValueSchema {
    /// The name in schemas.
    pub name: &'static str,
    /// The schema version, from 1.
    pub version: u32,
    /// Its fields or variants.
    pub parts: Parts,
    /// Its published versions, as far as known.
    pub lineage: Lineage,
}

/// The fields or variants of a value type, in the order of declaration, by which values are
/// compared.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Parts {
    /// A message of these fields.
    Fields(&'static [FieldSchema]),
    /// One of these numbers.
    Numbers(&'static [(u32, &'static str)]),
    /// A message of exactly one of these fields, which are messages of the fields given.
    OneOf(&'static [(u32, &'static str, &'static [FieldSchema])]),
}

/// A type's published versions, as its source and its lock file state them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Lineage {
    /// The package whose `schemas/` has the lock file.
    pub package: &'static str,
    /// True if the version is in its lock file; otherwise it is a draft.
    pub locked: bool,
    /// The versions of a value type that are in its lock file, with the identities of their shapes.
    pub history: &'static [(u32, u64)],
    /// The lowest version whose readers may apply what this one writes: as locked, or the version
    /// itself while it is a draft.
    pub min_reader: u32,
    /// Numbers and names of fields that are gone, such as `4 pages`.
    pub reserved: &'static [&'static str],
    /// The variant that stands for numbers that the enum does not know.
    pub other: Option<&'static str>,
    /// The number of the variant that is the enum's default.
    pub default: Option<u32>,
    /// Names of published value types with the same fields, of a draft that may be one of them under
    /// another name.
    pub former: &'static [&'static str],
    /// Names of an aggregate's events that are only read any more.
    pub retired: &'static [&'static str],
    /// For a draft that later readers of the last locked version may apply: that version's
    /// `min_reader`, and the fields that were there, as numbers and shapes.
    pub follows: Option<(u32, &'static [(&'static str, &'static str)])>,
}

impl Lineage {
    /// A type of that package whose `min_reader` is this.
    pub const fn of(package: &'static str, min_reader: u32) -> Self {
        Self {
            package,
            locked: false,
            history: &[],
            min_reader,
            reserved: &[],
            other: None,
            default: None,
            former: &[],
            retired: &[],
            follows: None,
        }
    }

    /// In a lock file.
    #[must_use]
    pub const fn locked(self) -> Self {
        Self { locked: true, ..self }
    }

    /// With the versions that are in the lock file.
    #[must_use]
    pub const fn history(self, history: &'static [(u32, u64)]) -> Self {
        Self { history, ..self }
    }

    /// With the variant that is the default.
    #[must_use]
    pub const fn default_variant(self, number: u32) -> Self {
        Self { default: Some(number), ..self }
    }

    /// With the published types that it may be.
    #[must_use]
    pub const fn former(self, former: &'static [&'static str]) -> Self {
        Self { former, ..self }
    }

    /// With events that are only read any more.
    #[must_use]
    pub const fn retired(self, retired: &'static [&'static str]) -> Self {
        Self { retired, ..self }
    }

    /// With fields that are gone.
    #[must_use]
    pub const fn reserved(self, reserved: &'static [&'static str]) -> Self {
        Self { reserved, ..self }
    }

    /// With a variant for unknown numbers.
    #[must_use]
    pub const fn other(self, name: &'static str) -> Self {
        Self { other: Some(name), ..self }
    }

    /// Following a locked version.
    #[must_use]
    pub const fn follows(
        self,
        min_reader: u32,
        fields: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { follows: Some((min_reader, fields)), ..self }
    }
}
