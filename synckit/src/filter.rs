//! Filters: the part of a space that a replica holds.
//!
//! A filter is a list of parts. Each names aggregates, by their type and by the first bytes of their
//! keys, or some of their events, by name or metadata. Commits travel whole, so a replica also receives what
//! else one of them changed; it folds only what its filter names.
//!
//! Aggregates that a replica holds whole are edited as anywhere. Of one of which it holds some events
//! it shows what those make of it, and does not edit it: it would claim to have seen what it has not.
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

use crate::block::Entry;
use crate::envelope::{METADATA_BYTES_MAX, Metadata};
use crate::id::{AggregateId, KEY_BYTES_MAX, Name};
use crate::ruling::is_control;
use crate::wire::{Reader, Unknown, WireError, Writer};

/// Most parts of a filter.
pub const FILTER_PARTS_MAX: usize = 64;

/// The part of a space that a replica holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Filter {
    /// None of them is within another.
    parts: BTreeSet<FilterPart>,
}

/// A part of a filter: events that meet all of its conditions. Without any it is everything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[non_exhaustive]
pub struct FilterPart {
    /// The type of the aggregates; `None` for all.
    pub kind: Option<Name>,
    /// The first bytes of their keys; none for all.
    pub prefix: Vec<u8>,
    /// The name of the events; `None` for all.
    pub event: Option<Name>,
    /// An entry of the events' metadata; `None` for all.
    pub metadata: Option<(String, String)>,
}

impl FilterPart {
    /// Everything.
    pub const fn new() -> Self {
        Self { kind: None, prefix: Vec::new(), event: None, metadata: None }
    }

    /// Of this type of aggregates.
    #[must_use]
    pub fn kind(mut self, kind: Name) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Of aggregates whose keys begin so. Bytes beyond the longest key are left out.
    #[must_use]
    pub fn keyed(mut self, prefix: impl AsRef<[u8]>) -> Self {
        let prefix = prefix.as_ref();
        self.prefix = prefix[..prefix.len().min(KEY_BYTES_MAX)].to_vec();
        self
    }

    /// Events of this name.
    #[must_use]
    pub fn event(mut self, name: Name) -> Self {
        self.event = Some(name);
        self
    }

    /// Events with this entry in their metadata.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata = Some((key.into(), value.into()));
        self
    }

    /// True if it has whole aggregates, and not some of their events.
    pub const fn is_of_wholes(&self) -> bool {
        self.event.is_none() && self.metadata.is_none()
    }

    fn names(&self, aggregate: &AggregateId) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == aggregate.kind)
            && aggregate.key.as_bytes().starts_with(&self.prefix)
    }

    fn shows(&self, entry: &Entry<'_>) -> bool {
        self.meets(entry.aggregate(), &entry.event().name, entry.metadata())
    }

    /// True if an event of that name and metadata meets it.
    pub(crate) fn meets(&self, of: &AggregateId, event: &Name, metadata: &Metadata) -> bool {
        let meets = |(key, value): &(String, String)| metadata.get(key) == Some(value);
        self.names(of)
            && self.event.as_ref().is_none_or(|name| name == event)
            && self.metadata.as_ref().is_none_or(meets)
    }

    fn contains(&self, other: &Self) -> bool {
        (self.kind.is_none() || self.kind == other.kind)
            && other.prefix.starts_with(&self.prefix)
            && (self.event.is_none() || self.event == other.event)
            && (self.metadata.is_none() || self.metadata == other.metadata)
    }

    fn write(&self, out: &mut Writer) {
        let name = |name: &Option<Name>| name.as_ref().map_or("", Name::as_str).to_owned();
        let (key, value) = self.metadata.clone().unwrap_or_default();
        for text in [name(&self.kind), name(&self.event), key, value] {
            out.bytes(text.as_bytes());
        }
        out.bytes(&self.prefix);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let invalid = || WireError::Invalid { expected: "filter" };
        let mut text = || std::str::from_utf8(input.bytes()?).map_err(|_| invalid());
        let [kind, event, key, value] = [text()?, text()?, text()?, text()?];
        Self::of_texts([kind, event, key, value], input.bytes()?).ok_or_else(invalid)
    }

    /// The part of these texts, of which empty ones are no condition; `None` when they are none.
    pub(crate) fn of_texts([kind, event, key, value]: [&str; 4], prefix: &[u8]) -> Option<Self> {
        let name = |text: &str| match text {
            "" => Some(None),
            text => Name::new(text).ok().map(Some),
        };
        let too_long = [key, value].iter().any(|text| text.len() > METADATA_BYTES_MAX);
        if prefix.len() > KEY_BYTES_MAX || too_long || (key.is_empty() && !value.is_empty()) {
            return None;
        }
        let metadata = (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()));
        Some(Self { kind: name(kind)?, prefix: prefix.to_vec(), event: name(event)?, metadata })
    }
}

/// `photo/store-7/*`, with bytes that are not printable as `\x00`; then the other conditions.
impl fmt::Display for FilterPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_ref().map_or("*", Name::as_str);
        write!(f, "{kind}/{}*", self.prefix.escape_ascii())?;
        if let Some(event) = &self.event {
            write!(f, " {event}")?;
        }
        match &self.metadata {
            Some((key, value)) => write!(f, " {key:?}={value:?}"),
            None => Ok(()),
        }
    }
}

impl Filter {
    /// A filter that names nothing yet.
    pub const fn new() -> Self {
        Self { parts: BTreeSet::new() }
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: FilterPart) -> Self {
        if !self.parts.iter().any(|held| held.contains(&part)) {
            self.parts.retain(|held| !part.contains(held));
            self.parts.insert(part);
        }
        self
    }

    /// The parts, ascending; none is within another.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &FilterPart> {
        self.parts.iter()
    }

    /// True if it names nothing.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// True if it names an aggregate, or events of it. What hubs rule belongs to every part of a space.
    pub fn names(&self, aggregate: &AggregateId) -> bool {
        self.parts.iter().any(|part| part.names(aggregate)) || is_control(aggregate)
    }

    /// True if it names all events of an aggregate.
    pub fn names_whole(&self, aggregate: &AggregateId) -> bool {
        let mut wholes = self.parts.iter().filter(|part| part.is_of_wholes());
        wholes.any(|part| part.names(aggregate)) || is_control(aggregate)
    }

    /// True if it names an event.
    pub fn shows(&self, entry: &Entry<'_>) -> bool {
        self.parts.iter().any(|part| part.shows(entry)) || is_control(entry.aggregate())
    }

    /// True if it names everything that another one names, as far as can be told: several parts that are
    /// more than one of the other only together are taken for less.
    pub fn contains(&self, other: &Self) -> bool {
        let within = |part: &FilterPart| self.parts.iter().any(|held| held.contains(part));
        other.parts.iter().all(within)
    }

    /// The bytes by which stores keep it.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.parts.iter().for_each(|part| part.write(&mut out));
        // Nothing in it is nested.
        out.finish().unwrap_or_default()
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let (mut filter, mut input) = (Self::new(), Reader::new(bytes, Unknown::Refuse));
        while !input.is_empty() {
            filter = filter.part(FilterPart::read(&mut input)?);
        }
        if filter.is_empty() || filter.parts.len() > FILTER_PARTS_MAX {
            return Err(WireError::Invalid { expected: "filter" });
        }
        Ok(filter)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The parts, with commas between them.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            let before = if index == 0 { "" } else { ", " };
            write!(f, "{before}{part}")?;
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

    fn photos() -> FilterPart {
        FilterPart::new().kind(name("photo"))
    }

    #[test]
    fn a_part_within_another_adds_nothing() {
        let filter = Filter::new().part(photos().keyed("a")).part(photos().keyed("ab"));
        assert_eq!(filter, Filter::new().part(photos().keyed("a")));
        let whole = filter.clone().part(photos());
        assert_eq!(whole, Filter::new().part(photos()));
        assert!(whole.contains(&filter) && !filter.contains(&whole));
        assert!(!whole.contains(&Filter::new().part(FilterPart::new().kind(name("note")))));
        let signed = photos().event(name("photo.signed")).metadata("actor", "ann");
        assert_eq!(whole.clone().part(signed.clone()), whole);
        let signed = Filter::new().part(signed);
        assert!(!signed.contains(&whole) && whole.contains(&signed));
        assert!(Filter::new().part(FilterPart::new()).contains(&whole));
        assert_eq!(signed.to_string(), "photo/* photo.signed \"actor\"=\"ann\"");
    }

    #[test]
    fn the_bytes_of_a_filter_keep_their_form() {
        let of_ann = FilterPart::new().event(name("x")).metadata("actor", "ann");
        let filter = Filter::new().part(photos().keyed("s7")).part(of_ann);
        let bytes = filter.write();
        assert_eq!(bytes, b"\x00\x01x\x05actor\x03ann\x00\x05photo\x00\x00\x00\x02s7");
        assert_eq!(Filter::read(&bytes), Ok(filter));
        for other in [&b""[..], b"\x04Note\x00\x00\x00\x00", b"\x00\x00\x00\x01x\x00"] {
            assert!(Filter::read(other).is_err());
        }
    }
}
