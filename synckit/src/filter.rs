//! Filters: the part of a space that a replica holds.
//!
//! A filter is a list of parts. Each names aggregates, by their type and by the first bytes of their
//! keys, or some of their events, by name, by metadata or by a function of the application ([`Predicates`]).
//! Commits travel whole, so a replica also receives what else one of them changed; it folds only what its filter
//! names.
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
//!
//! A function that the replica and its peers have may decide, too:
//!
//! ```
//! use synckit::SyncEvent;
//! use synckit::filter::{Filter, FilterPart, Predicates};
//! use synckit::id::Name;
//!
//! #[derive(SyncEvent, Clone, Debug)]
//! #[event(name = "inspection.signed")]
//! struct Signed {
//!     by: String,
//! }
//!
//! let signed_by = Name::new("signed-by")?;
//! let predicates = Predicates::new().with(signed_by.clone(), |event, by| {
//!     event.decode::<Signed>().is_ok_and(|signed| signed.by == by)
//! });
//! let of_ann = Filter::new().part(FilterPart::new().when(signed_by, "ann"));
//! assert_eq!(of_ann.to_string(), r#"*/* signed-by("ann")"#);
//! # let _ = predicates;
//! # Ok::<(), synckit::id::IdError>(())
//! ```

mod predicate;

use std::collections::BTreeSet;
use std::fmt;

pub use predicate::{FilteredEvent, Predicate, Predicates};

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
    /// A function of the application that decides of each event; `None` for all.
    pub predicate: Option<Predicate>,
}

impl FilterPart {
    /// Everything.
    pub const fn new() -> Self {
        Self { kind: None, prefix: Vec::new(), event: None, metadata: None, predicate: None }
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

    /// Events of which the function of this name says so when it is given this argument, of at most
    /// [`METADATA_BYTES_MAX`] bytes. The replica and each of its peers need the function: see [`Predicates`].
    #[must_use]
    pub fn when(mut self, predicate: Name, argument: impl Into<String>) -> Self {
        self.predicate = Some(Predicate::new(predicate, argument.into()));
        self
    }

    /// True if it has whole aggregates, and not some of their events.
    pub const fn is_of_wholes(&self) -> bool {
        self.event.is_none() && self.metadata.is_none() && self.predicate.is_none()
    }

    fn names(&self, aggregate: &AggregateId) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == aggregate.kind)
            && aggregate.key.as_bytes().starts_with(&self.prefix)
    }

    fn shows(&self, entry: &Entry<'_>) -> bool {
        self.meets(entry.aggregate(), &entry.event().name, entry.metadata())
            && self.predicate.as_ref().is_none_or(|predicate| predicate.shows(entry))
    }

    /// True if an event of that name and metadata meets it, as far as no function decides.
    pub(crate) fn meets(&self, of: &AggregateId, event: &Name, metadata: &Metadata) -> bool {
        let meets = |(key, value): &(String, String)| metadata.get(key) == Some(value);
        self.names(of)
            && self.event.as_ref().is_none_or(|name| name == event)
            && self.metadata.as_ref().is_none_or(meets)
    }

    /// True if it is one that can be kept and sent: its texts are not too long, and no entry lacks a key.
    pub(crate) fn can_be_sent(&self) -> bool {
        Filter::read(&Filter::new().part(self.clone()).write()).is_ok()
    }

    fn contains(&self, other: &Self) -> bool {
        (self.kind.is_none() || self.kind == other.kind)
            && other.prefix.starts_with(&self.prefix)
            && (self.event.is_none() || self.event == other.event)
            && (self.metadata.is_none() || self.metadata == other.metadata)
            && (self.predicate.is_none() || self.predicate == other.predicate)
    }

    /// Its conditions but for the keys, as texts: type, event, key and value of an entry of metadata, predicate and its
    /// argument. Empty ones are no condition.
    pub(crate) fn texts(&self) -> [&str; 6] {
        let [kind, event] =
            [&self.kind, &self.event].map(|name| name.as_ref().map_or("", Name::as_str));
        let (key, value) =
            self.metadata.as_ref().map_or(("", ""), |(key, value)| (key.as_str(), value.as_str()));
        let asked = self.predicate.as_ref();
        let (predicate, argument) =
            asked.map_or(("", ""), |asked| (asked.name().as_str(), asked.argument()));
        [kind, event, key, value, predicate, argument]
    }

    fn write(&self, out: &mut Writer) {
        self.texts().into_iter().for_each(|text| out.bytes(text.as_bytes()));
        out.bytes(&self.prefix);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let invalid = || WireError::Invalid { expected: "filter" };
        let mut texts = [""; 6];
        for text in &mut texts {
            *text = std::str::from_utf8(input.bytes()?).map_err(|_| invalid())?;
        }
        Self::of_texts(texts, input.bytes()?).ok_or_else(invalid)
    }

    /// The part of [its texts](Self::texts) and the first bytes of the keys; `None` when they are none.
    pub(crate) fn of_texts(texts: [&str; 6], prefix: &[u8]) -> Option<Self> {
        let [kind, event, key, value, predicate, argument] = texts;
        let name = |text: &str| match text {
            "" => Some(None),
            text => Name::new(text).ok().map(Some),
        };
        let too_long = [key, value, argument].iter().any(|text| text.len() > METADATA_BYTES_MAX);
        let stray = |key: &str, value: &str| key.is_empty() && !value.is_empty();
        if prefix.len() > KEY_BYTES_MAX
            || too_long
            || stray(key, value)
            || stray(predicate, argument)
        {
            return None;
        }
        let metadata = (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()));
        let predicate =
            name(predicate)?.map(|predicate| Predicate::new(predicate, argument.to_owned()));
        let (kind, prefix, event) = (name(kind)?, prefix.to_vec(), name(event)?);
        Some(Self { kind, prefix, event, metadata, predicate })
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
        if let Some((key, value)) = &self.metadata {
            write!(f, " {key:?}={value:?}")?;
        }
        self.predicate.iter().try_for_each(|predicate| write!(f, " {predicate}"))
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

    /// True if it asks functions.
    pub(crate) fn has_predicates(&self) -> bool {
        self.parts.iter().any(|part| part.predicate.is_some())
    }

    /// The same with the functions that it asks; the name of one that is not known, if there is such. Until it has
    /// them, a part with a predicate shows no events.
    pub(crate) fn resolved(self, known: &Predicates) -> Result<Self, Name> {
        let part = |part: FilterPart| match part.predicate.clone() {
            Some(predicate) => {
                let name = predicate.name().clone();
                let predicate = Some(predicate.resolved(known).ok_or(name)?);
                Ok(FilterPart { predicate, ..part })
            }
            None => Ok(part),
        };
        Ok(Self { parts: self.parts.into_iter().map(part).collect::<Result<_, _>>()? })
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
    use crate::block::tests::{Author, seal};
    use crate::log::bury;

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
        let due = |month: &str| Filter::new().part(photos().when(name("due"), month));
        assert!(whole.contains(&due("07")) && !due("07").contains(&whole));
        assert!(due("07").contains(&due("07")) && !due("07").contains(&due("08")));
        assert_eq!(due("07").to_string(), "photo/* due(\"07\")");
        assert_eq!(due("07").resolved(&Predicates::new()), Err(name("due")));
        let known = Predicates::new().with(name("due"), |_, _| true);
        assert_eq!(due("07").resolved(&known), Ok(due("07")));
    }

    #[test]
    fn no_predicate_shows_a_tombstone() {
        let mut ann = Author::named("ann");
        let [bread, milk] = ["bread", "milk"].map(|text| ann.write(&[text], &[]));
        let block = bury(&seal(&[&bread, &milk]), &BTreeSet::from([bread.id]));
        let known = Predicates::new().with(name("all"), |_, _| true);
        let all = Filter::new().part(FilterPart::new().when(name("all"), "")).resolved(&known);
        let shown: Vec<_> =
            block.entries().map(|entry| all.as_ref().unwrap().shows(&entry)).collect();
        assert_eq!(shown, [false, true]);
        let whole = Filter::new().part(FilterPart::new());
        assert!(block.entries().all(|entry| whole.shows(&entry)));
    }

    #[test]
    fn the_bytes_of_a_filter_keep_their_form() {
        let of_ann = FilterPart::new().event(name("x")).metadata("actor", "ann");
        let due = photos().when(name("due"), "07");
        let filter = Filter::new().part(photos().keyed("s7")).part(of_ann).part(due);
        let bytes = filter.write();
        let of_ann = b"\x00\x01x\x05actor\x03ann\x00\x00\x00";
        let rest = b"\x05photo\x00\x00\x00\x03due\x0207\x00\x05photo\x00\x00\x00\x00\x00\x02s7";
        assert_eq!(bytes, [&of_ann[..], rest].concat());
        assert_eq!(Filter::read(&bytes), Ok(filter));
        let nothing = b"\x00\x00\x00\x00\x00\x00\x00";
        let cases: [&[u8]; 6] = [
            b"",
            b"\x04Note\x00\x00\x00\x00\x00\x00",
            b"\x00\x00\x00\x01x\x00\x00\x00",
            b"\x00\x00\x00\x00\x00\x01x\x00",
            b"\x00\x00\x00\x00\x03Due\x00\x00",
            &nothing[..6],
        ];
        assert_eq!(Filter::read(nothing), Ok(Filter::new().part(FilterPart::new())));
        for other in cases {
            assert!(Filter::read(other).is_err());
        }
    }
}
