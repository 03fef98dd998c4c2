//! Locks: what has been published of a type, as it stands in `schemas/<name>.lock`.
//!
//! A lock is text that only grows: one block for each version, one line for each field, so that git
//! merges what two branches did apart from each other and stops where they contradict each other.
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
//! The macros only read locks. The library writes them (`synckit::schema`), and its own words for
//! shapes are what a lock holds.

pub(crate) mod diff;
pub(crate) mod locate;
pub(crate) mod parse;
pub(crate) mod resolve;
pub(crate) mod resolved;
pub(crate) mod shape;

/// What has been published of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) what: What,
    pub(crate) name: String,
    /// At least one, each one more than the one before.
    pub(crate) versions: Vec<Version>,
}

/// What kind of type a lock is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
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

impl What {
    pub(crate) const ALL: [Self; 5] =
        [Self::Event, Self::Value, Self::Enum, Self::OneOf, Self::Aggregate];

    /// The word in locks and messages.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Value => "value",
            Self::Enum => "enum",
            Self::OneOf => "oneof",
            Self::Aggregate => "aggregate",
        }
    }
}

/// One published version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) number: u32,
    /// The lowest version whose readers may apply what this one writes.
    pub(crate) min_reader: u32,
    pub(crate) items: Vec<Item>,
    pub(crate) reserved: Vec<Reserved>,
    /// The variant that stands for unknown numbers.
    pub(crate) other: Option<String>,
}

/// A field or a variant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) slot: Slot,
    pub(crate) name: String,
    /// What a field holds; `None` for a variant.
    pub(crate) shape: Option<String>,
    pub(crate) default: bool,
    pub(crate) rule: Option<String>,
}

/// Where a field or variant is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// The variant that the field is in.
    pub(crate) variant: Option<u32>,
    pub(crate) number: u32,
}

/// A field that was there, whose number no other may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) slot: Slot,
    pub(crate) name: String,
}

impl Lock {
    /// The newest version.
    pub(crate) fn last(&self) -> &Version {
        // A lock without a version does not parse.
        &self.versions[self.versions.len() - 1]
    }

    pub(crate) fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The lowest version whose events can be read as version `number` without being converted.
    pub(crate) fn readable_from(&self, number: u32) -> u32 {
        let mut floor = number;
        for pair in self.versions.windows(2).rev().filter(|pair| pair[1].number <= number) {
            if pair[1].number != floor || !pair[1].reads(&pair[0]) {
                break;
            }
            floor = pair[0].number;
        }
        floor
    }

    /// The version from which on a field of an aggregate has been what it is in version `number`.
    pub(crate) fn unchanged_since(&self, slot: Slot, number: u32) -> u32 {
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
    pub(crate) fn item(&self, slot: Slot) -> Option<&Item> {
        self.items.iter().find(|item| item.slot == slot)
    }

    /// Whether events of the version before can be read as this one.
    fn reads(&self, before: &Self) -> bool {
        self.items.iter().all(|item| match (before.item(item.slot), &item.shape) {
            (_, None) => true,
            (None, Some(shape)) => {
                let variant = item.slot.variant.map(|number| Slot { variant: None, number });
                let variant_is_new = variant.is_some_and(|slot| before.item(slot).is_none());
                variant_is_new || item.default || shape::may_be_absent(shape)
            }
            (Some(old), Some(shape)) => {
                old.shape.as_ref().is_some_and(|old| shape::follows(old, shape, item.default))
            }
        })
    }
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.variant {
            Some(variant) => write!(f, "{variant}.{}", self.number),
            None => self.number.fmt(f),
        }
    }
}
