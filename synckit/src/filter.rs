//! Filters: the part of a space that a replica holds.
//!
//! A filter names aggregates, by their type and by the first bytes of their keys, and always whole
//! ones: a replica that held some events of an aggregate and not others could not write to it without
//! claiming to have seen what it has not. Commits travel whole, so a replica also receives what else
//! one of them changed; it folds only what its filter names.
//!
//! ```
//! # use synckit::sync_aggregate;
//! # #[sync_aggregate(name = "photo")]
//! # #[derive(Clone, Debug, Default)]
//! # struct Photo {
//! #     #[merge(lww)]
//! #     caption: String,
//! # }
//! use synckit::filter::Filter;
//!
//! let photos_of_seven = Filter::new().keyed::<Photo>("store-7/");
//! assert_eq!(photos_of_seven.to_string(), "photo/store-7/*");
//! assert!(Filter::new().all::<Photo>().contains(&photos_of_seven));
//! ```

use std::collections::BTreeSet;
use std::fmt;

use crate::id::{AggregateId, KEY_BYTES_MAX, Name};
use crate::ruling::is_control;
use crate::wire::{Reader, Unknown, WireError, Writer};

/// Most parts of a filter: types, and beginnings of keys.
pub const FILTER_PARTS_MAX: usize = 64;

/// The aggregates that a replica holds of a space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Filter {
    /// None of them is within another.
    parts: BTreeSet<FilterPart>,
}

/// The aggregates of a type whose keys begin with some bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub struct FilterPart {
    /// The type.
    pub kind: Name,
    /// The first bytes of the keys; none for all.
    pub prefix: Vec<u8>,
}

impl FilterPart {
    /// True if an aggregate is among them.
    pub fn names(&self, aggregate: &AggregateId) -> bool {
        aggregate.kind == self.kind && aggregate.key.as_bytes().starts_with(&self.prefix)
    }

    fn contains(&self, other: &Self) -> bool {
        other.kind == self.kind && other.prefix.starts_with(&self.prefix)
    }
}

impl Filter {
    /// A filter that names nothing yet.
    pub const fn new() -> Self {
        Self { parts: BTreeSet::new() }
    }

    /// Adds all aggregates of a type.
    #[must_use]
    pub fn kind(self, kind: Name) -> Self {
        self.keys(kind, &[])
    }

    /// Adds the aggregates of a type whose keys begin with a prefix. Bytes beyond the longest key are
    /// left out.
    #[must_use]
    pub fn keys(mut self, kind: Name, prefix: &[u8]) -> Self {
        let prefix = prefix[..prefix.len().min(KEY_BYTES_MAX)].to_vec();
        self.add(FilterPart { kind, prefix });
        self
    }

    fn add(&mut self, part: FilterPart) {
        if !self.parts.iter().any(|held| held.contains(&part)) {
            self.parts.retain(|held| !part.contains(held));
            self.parts.insert(part);
        }
    }

    /// The parts, ascending; none is within another.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &FilterPart> {
        self.parts.iter()
    }

    /// True if it names nothing.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// True if it names an aggregate. What hubs rule belongs to every part of a space.
    pub fn names(&self, aggregate: &AggregateId) -> bool {
        self.parts.iter().any(|part| part.names(aggregate)) || is_control(aggregate)
    }

    /// True if it names everything that another one names.
    pub fn contains(&self, other: &Self) -> bool {
        let within = |part: &FilterPart| self.parts.iter().any(|held| held.contains(part));
        other.parts.iter().all(within)
    }

    /// The bytes by which stores keep it.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        for FilterPart { kind, prefix } in &self.parts {
            out.bytes(kind.as_str().as_bytes());
            out.bytes(prefix);
        }
        // Nothing in it is nested.
        out.finish().unwrap_or_default()
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let invalid = || WireError::Invalid { expected: "filter" };
        let (mut filter, mut input) = (Self::new(), Reader::new(bytes, Unknown::Refuse));
        while !input.is_empty() {
            let kind = std::str::from_utf8(input.bytes()?).map_err(|_| invalid())?;
            let kind = Name::new(kind).map_err(|_| invalid())?;
            filter = filter.keys(kind, input.bytes()?);
        }
        if filter.is_empty() || filter.parts.len() > FILTER_PARTS_MAX {
            return Err(invalid());
        }
        Ok(filter)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `inspection/*, photo/store-7/*`, with bytes that are not printable as `\x00`.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, FilterPart { kind, prefix }) in self.parts.iter().enumerate() {
            let before = if index == 0 { "" } else { ", " };
            write!(f, "{before}{kind}/{}*", prefix.escape_ascii())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::new(name).unwrap()
    }

    #[test]
    fn a_part_within_another_adds_nothing() {
        let filter = Filter::new().keys(name("photo"), b"a").keys(name("photo"), b"ab");
        assert_eq!(filter, Filter::new().keys(name("photo"), b"a"));
        let whole = filter.clone().kind(name("photo"));
        assert_eq!(whole, Filter::new().kind(name("photo")));
        assert!(whole.contains(&filter) && !filter.contains(&whole));
        assert!(!whole.contains(&Filter::new().kind(name("note"))));
        assert_eq!(whole.kind(name("note")).to_string(), "note/*, photo/*");
    }

    #[test]
    fn the_bytes_of_a_filter_keep_their_form() {
        let filter = Filter::new().keys(name("photo"), b"s7").kind(name("note"));
        let bytes = filter.write();
        assert_eq!(bytes, b"\x04note\x00\x05photo\x02s7");
        assert_eq!(Filter::read(&bytes), Ok(filter));
        assert!(Filter::read(b"").is_err() && Filter::read(b"\x04Note\x00").is_err());
    }
}
