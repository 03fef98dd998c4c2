//! The schema lock files of synckit: their text, and what may follow what they hold.
//!
//! A lock file, `schemas/<name>.lock` in the package of a type, is what has been published of an
//! event, a value type or an aggregate. It is text that only grows: one block for each version, one
//! line for each field, so that git merges what two branches did concurrently and stops where they
//! contradict each other.
//!
//! ```text
//! synckit lock 1
//! event inspection.signed
//!
//! version 1
//!   min_reader 1
//!   1 by UserId@1
//!   2 at optional u64
//!   fingerprint 0c4b9f0f6d1c3c55
//!
//! version 2
//!   min_reader 1
//!   1 by UserId@1
//!   2 signed_at optional u64
//!   3 remark string default
//!   fingerprint 6e1f2a9b8d4c7710
//! ```
//!
//! A field is its number, its name and its shape, followed by `default` when events without it are
//! read with the type's default, and by `merge <rule>` in an aggregate. A variant is
//! `variant <number> <name>`, and a field in it has the numbers of both, as in `2.1 center
//! Point@1`. `other <name>` stands for the numbers that an enum does not know, and `reserved
//! <number> <name>` for a field that was there. A fingerprint covers everything above it: the
//! history cannot be edited unnoticed.
//!
//! This crate has no dependencies and touches no files. The macros read locks with it, and the
//! library writes them; neither knows the format. It is not meant to be used alone, and its
//! interface may change in any version.

mod append;
mod fingerprint;
mod parse;
mod reader;
pub mod shape;

pub use append::{Refusal, append};
#[doc(hidden)]
pub use fingerprint::completed;
pub use parse::{Corrupt, parse};
pub use reader::{MinReader, Published, Types};

use std::fmt;
use std::str::FromStr;

/// The folder of the lock files in a package.
pub const FOLDER: &str = "schemas";

/// The name of a type's lock file within [`FOLDER`].
pub fn file(name: &str) -> String {
    format!("{name}.lock")
}

/// A type's lock file, from the root of the package.
pub fn path(name: &str) -> String {
    format!("{FOLDER}/{}", file(name))
}

/// The names that only synckit's own events and aggregates have: this one, and those that begin
/// with it and a dot.
pub const RESERVED: &str = "synckit";

/// Whether a name in stored bytes is [`RESERVED`].
pub fn is_reserved(name: &str) -> bool {
    name.split('.').next() == Some(RESERVED)
}

/// Whether a variable such as `SYNCKIT_BLESS` is on: set, and to none of the words for off.
pub fn is_on(value: &str) -> bool {
    !["", "0", "false", "no", "off"].contains(&value.trim().to_ascii_lowercase().as_str())
}

/// What has been published of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The kind of type.
    pub what: What,
    /// The name in stored bytes and schemas.
    pub name: String,
    /// At least one, each one more than the one before.
    pub versions: Vec<Version>,
}

/// The kinds of type that have locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One kind of event.
    Event,
    /// A value with fields.
    Value,
    /// A value that is one of several numbers.
    Enum,
    /// A value that is one of several messages.
    OneOf,
    /// The fields of an aggregate and the rules that merge them.
    Aggregate,
}

/// One published version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The version, from 1.
    pub number: u32,
    /// The lowest version whose readers may apply what this one writes.
    pub min_reader: u32,
    /// The fields and variants.
    pub items: Vec<Item>,
    /// The fields that are gone.
    pub reserved: Vec<Reserved>,
    /// The variant that stands for unknown numbers.
    pub other: Option<String>,
}

/// A field or a variant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Where it is written.
    pub slot: Slot,
    /// The name.
    pub name: String,
    /// The [shape] of a field; `None` for a variant.
    pub shape: Option<String>,
    /// Whether bytes without the field are read with the type's default.
    pub default: bool,
    /// The merge rule of an aggregate's field.
    pub rule: Option<String>,
}

/// Where a field or variant is written. Its text is `3`, or `2.1` within a variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The number of the variant that the field is in.
    pub variant: Option<u32>,
    /// Its own number.
    pub number: u32,
}

/// A field that was there, whose number no other may have. Its text is `4 pages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Where it was written.
    pub slot: Slot,
    /// Its last name.
    pub name: String,
}

impl What {
    const ALL: [Self; 5] = [Self::Event, Self::Value, Self::Enum, Self::OneOf, Self::Aggregate];

    /// The word in locks and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Value => "value",
            Self::Enum => "enum",
            Self::OneOf => "oneof",
            Self::Aggregate => "aggregate",
        }
    }
}

impl Lock {
    /// The newest version.
    pub fn last(&self) -> &Version {
        // A lock without a version does not parse.
        &self.versions[self.versions.len() - 1]
    }

    /// The version of that number.
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The lowest version whose events can be read as version `number` without being converted.
    pub fn readable_from(&self, number: u32) -> u32 {
        let mut floor = number;
        for pair in self.versions.windows(2).rev().filter(|pair| pair[1].number <= number) {
            if pair[1].number != floor || !pair[1].reads(&pair[0]) {
                break;
            }
            floor = pair[0].number;
        }
        floor
    }

    /// The version since which a field of an aggregate has been what it is in version `number`.
    pub fn unchanged_since(&self, slot: Slot, number: u32) -> u32 {
        let shape = |version: &Version| version.item(slot).map(|item| item.shape.clone());
        let mut since = number;
        let Some(current) = self.version(number).and_then(shape) else { return since };
        for version in self.versions.iter().rev().filter(|version| version.number < number) {
            if shape(version).as_ref() != Some(&current) {
                break;
            }
            since = version.number;
        }
        since
    }
}

impl Version {
    /// The field or variant that is written there.
    pub fn item(&self, slot: Slot) -> Option<&Item> {
        self.items.iter().find(|item| item.slot == slot)
    }

    /// Whether events of the version before can be read as this one.
    fn reads(&self, before: &Self) -> bool {
        self.items.iter().all(|item| match (before.item(item.slot), &item.shape) {
            (_, None) => true,
            (None, Some(shape)) => {
                let variant = item.slot.variant.map(|number| Slot::of(None, number));
                let variant_is_new = variant.is_some_and(|slot| before.item(slot).is_none());
                variant_is_new || item.default || shape::may_be_absent(shape)
            }
            (Some(old), Some(shape)) => {
                old.shape.as_ref().is_some_and(|old| shape::follows(old, shape, item.default))
            }
        })
    }
}

impl Item {
    /// The word in messages.
    pub const fn word(&self) -> &'static str {
        if self.shape.is_some() { "field" } else { "variant" }
    }
}

impl Slot {
    /// The slot of a number, within a variant or not.
    pub const fn of(variant: Option<u32>, number: u32) -> Self {
        Self { variant, number }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variant {
            Some(variant) => write!(f, "{variant}.{}", self.number),
            None => self.number.fmt(f),
        }
    }
}

/// A text is not the number or slot, or the reserved field, that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASlot;

impl FromStr for Slot {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        match text.split_once('.') {
            Some((variant, number)) => {
                Ok(Self::of(Some(parse::number(variant)?), parse::number(number)?))
            }
            None => Ok(Self::of(None, parse::number(text)?)),
        }
    }
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.slot, self.name)
    }
}

impl FromStr for Reserved {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        let (slot, name) = text.split_once(' ').ok_or(NotASlot)?;
        Ok(Self { slot: slot.parse()?, name: name.to_owned() })
    }
}

impl fmt::Display for NotASlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a number such as `3`, or `2.1` within a variant")
    }
}

impl std::error::Error for NotASlot {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_off_are_off() {
        assert!(["1", "true", "yes"].into_iter().all(is_on));
        assert!(["", "0", "false", "False", "no", "off"].into_iter().all(|value| !is_on(value)));
    }

    #[test]
    fn slots_and_reserved_fields_are_read_as_they_are_printed() {
        for text in ["3", "2.1", "0"] {
            assert_eq!(text.parse::<Slot>().unwrap().to_string(), text);
        }
        assert_eq!("4 pages".parse::<Reserved>().unwrap().to_string(), "4 pages");
        for text in ["", "03", "1.", "+1", "1.2.3"] {
            assert_eq!(text.parse::<Slot>(), Err(NotASlot), "{text}");
        }
        assert_eq!("pages".parse::<Reserved>(), Err(NotASlot));
    }
}
