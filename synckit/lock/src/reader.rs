//! The lowest version whose readers may apply what a version writes.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use crate::identity::{Identities, identified};
use crate::shape::{TypeRef, Words};
use crate::{DomainEvent, Item, Reserved, Slot, Upcast, Version, What, shape};

/// The lowest version whose readers may apply what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MinReader {
    /// This one.
    Is(u32),
    /// `least` where readers of the locked shapes can read the fields as they are, and the version
    /// itself where they cannot. Only who knows the types can tell.
    Depends {
        /// The lowest one.
        least: u32,
        /// The fields of the last locked version that are still there, with their shapes in it.
        fields: Vec<(Slot, String)>,
    },
}

/// A version of a type as a program has it.
#[derive(Clone, Debug)]
pub struct TypeVersion {
    /// The kind of type.
    pub what: What,
    /// The name in stored bytes and schemas.
    pub name: String,
    /// The version, from 1.
    pub number: u32,
    /// The lowest version whose readers may apply what this one writes.
    pub min_reader: MinReader,
    /// True if the event is stored without a causal context.
    pub commutes: bool,
    /// True if edits of an aggregate win over concurrent deletions.
    pub edit_wins: bool,
    /// Conversion of events of older versions.
    pub upcast: Option<Upcast>,
    /// The fields and variants, of a value in the order of declaration. Shapes are without
    /// identities.
    pub items: Vec<Item>,
    /// The domain events of an aggregate.
    pub events: Vec<DomainEvent>,
    /// The fields that are gone.
    pub reserved: Vec<Reserved>,
    /// The variant that stands for unknown numbers.
    pub other: Option<String>,
}

/// The value types that a program has, by name and version.
pub type Types = BTreeMap<(String, u32), TypeVersion>;

impl MinReader {
    /// Follows a locked version whose fields are given as texts of slots and shapes. Readers of
    /// nothing can read what cannot be parsed.
    pub fn depends(least: u32, number: u32, fields: &[(&str, &str)]) -> Self {
        let parsed = fields
            .iter()
            .map(|(slot, shape)| Slot::from_str(slot).map(|slot| (slot, (*shape).to_owned())));
        match parsed.collect() {
            Ok(fields) => Self::Depends { least, fields },
            Err(_) => Self::Is(number),
        }
    }

    /// The lowest reader of version `number` as far as can be told without the types.
    pub const fn without_types(&self, number: u32) -> u32 {
        match self {
            Self::Is(least) => *least,
            Self::Depends { .. } => number,
        }
    }
}

impl TypeVersion {
    /// A type with nothing in it.
    pub fn new(what: What, name: &str, number: u32, min_reader: MinReader) -> Self {
        Self {
            what,
            name: name.to_owned(),
            number,
            min_reader,
            commutes: false,
            edit_wins: false,
            upcast: None,
            items: Vec::new(),
            events: Vec::new(),
            reserved: Vec::new(),
            other: None,
        }
    }

    /// The version as its lock has it.
    pub fn version(&self, types: &Types, identities: &Identities) -> Version {
        let of = |name: &str, version| identities.get(&(name.to_owned(), version)).copied();
        let item = |item: &Item| {
            let shape = item.shape.as_ref().map(|shape| identified(shape, of));
            Item { shape, ..item.clone() }
        };
        Version {
            number: self.number,
            min_reader: self.least_reader(types),
            commutes: self.commutes,
            edit_wins: self.edit_wins,
            upcast: self.upcast.clone(),
            samples: Vec::new(),
            readings: Vec::new(),
            items: self.items.iter().map(item).collect(),
            events: self.events.clone(),
            other: self.other.clone(),
            reserved: self.reserved.clone(),
            identity: self.what.is_value().then(|| of(&self.name, self.number)).flatten(),
        }
    }

    /// The value types that it names.
    pub fn named(&self) -> Vec<(String, u32)> {
        let shapes = self.items.iter().filter_map(|item| item.shape.as_deref());
        shapes.flat_map(shape::named).map(|named| (named.name.to_owned(), named.version)).collect()
    }

    /// The lowest version whose readers may apply this one.
    pub fn least_reader(&self, types: &Types) -> u32 {
        self.least_within(types, &mut Vec::new())
    }

    /// A type that is being looked at further out holds itself, and decides there.
    fn least_within<'a>(&'a self, types: &'a Types, outer: &mut Vec<&'a str>) -> u32 {
        let before = self.number.saturating_sub(1);
        // Readers of the version before would read without converting what means another thing.
        if self.upcast.as_ref().is_some_and(|upcast| upcast.from >= before) {
            return self.number;
        }
        let MinReader::Depends { least, fields } = &self.min_reader else {
            return self.min_reader.without_types(self.number);
        };
        outer.push(&self.name);
        let can_be_read = fields.iter().all(|(slot, locked)| {
            let item = self.items.iter().find(|item| item.slot == *slot);
            let shape = item.and_then(|item| item.shape.as_ref());
            shape.is_some_and(|shape| {
                shape::is_same_or_later(locked, shape)
                    && are_kept(shape, locked)
                    && can_be_read(shape, locked, types, outer)
            })
        });
        outer.pop();
        if can_be_read { *least } else { self.number }
    }
}

/// True if elements of sets and keys of maps are what they were. A later version of them may have
/// elements that are equal for readers of the one before, which refuse such a set.
fn are_kept(shape: &str, locked: &str) -> bool {
    let versions = |shape| -> Vec<_> {
        let named = |word| shape::named(word).map(|TypeRef { name, version, .. }| (name, version));
        unique_in(shape).into_iter().flat_map(named).collect()
    };
    versions(shape) == versions(locked)
}

/// The elements of sets and the keys of maps.
fn unique_in(shape: &str) -> Vec<&str> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    match shape::split(shape.as_bytes()) {
        Words::Set(element) => vec![text(element)],
        Words::Map(key, value) => {
            let mut all = unique_in(text(value));
            all.push(text(key));
            all
        }
        Words::One(_) | Words::Optional(_) | Words::List(_) => Vec::new(),
    }
}

/// True if readers of the locked versions of the types in a shape can read the types as they are.
fn can_be_read<'a>(
    shape: &'a str,
    locked: &str,
    types: &'a Types,
    outer: &mut Vec<&'a str>,
) -> bool {
    shape::named(shape).all(|TypeRef { name, version, .. }| {
        let before = shape::named(locked).find(|before| before.name == name);
        let before = before.map_or(0, |before| before.version);
        version == before
            || outer.contains(&name)
            || types
                .get(&(name.to_owned(), version))
                .is_some_and(|named| named.least_within(types, outer) <= before)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_type_needs_readers_that_know_it() {
        assert_eq!(least_reader(&moved("u16", "u16"), &[]), 1);
        assert_eq!(least_reader(&moved("u16", "u32"), &[]), 2);
    }

    #[test]
    fn a_value_that_went_on_decides_for_what_holds_it() {
        let point = |min_reader| TypeVersion { number: 2, min_reader, ..value("Point", &[]) };
        let event = moved("Point@1", "Point@2");
        assert_eq!(least_reader(&event, &[point(MinReader::Is(1))]), 1);
        assert_eq!(least_reader(&event, &[point(MinReader::Is(2))]), 2);
        assert_eq!(least_reader(&event, &[]), 2, "nobody knows the type");
        assert_eq!(least_reader(&moved("Point@2", "Point@2"), &[]), 1);
    }

    #[test]
    fn a_type_that_holds_itself_decides_once() {
        let fields = vec![(Slot::of(None, 1), "list Tree@1".to_owned())];
        let tree = TypeVersion {
            number: 2,
            min_reader: MinReader::Depends { least: 1, fields },
            ..value("Tree", &[("1", "list Tree@2")])
        };
        assert_eq!(least_reader(&moved("Tree@1", "Tree@2"), &[tree]), 1);
    }

    #[test]
    fn fields_that_cannot_be_parsed_leave_no_earlier_reader() {
        assert_eq!(MinReader::depends(1, 3, &[("one", "u8")]), MinReader::Is(3));
    }

    #[test]
    fn elements_and_keys_stay_in_their_version() {
        let point = TypeVersion { number: 2, ..value("Point", &[]) };
        for (before, after, least) in [
            ("list Point@1", "list Point@2", 1),
            ("set Point@1", "set Point@2", 2),
            ("map Point@1 u8", "map Point@2 u8", 2),
            ("map u8 Point@1", "map u8 Point@2", 1),
            ("map u8 set Point@1", "map u8 set Point@2", 2),
        ] {
            assert_eq!(
                least_reader(&moved(before, after), std::slice::from_ref(&point)),
                least,
                "{after}"
            );
        }
    }

    #[test]
    fn what_converts_the_version_before_needs_readers_of_its_own() {
        let by = "f".to_owned();
        let converting = TypeVersion {
            upcast: Some(Upcast { from: 1, by, revision: 0 }),
            ..moved("u16", "u16")
        };
        assert_eq!(least_reader(&converting, &[]), 2);
    }

    fn moved(before: &str, after: &str) -> TypeVersion {
        TypeVersion {
            what: What::Event,
            number: 2,
            min_reader: MinReader::depends(1, 2, &[("1", before)]),
            ..value("moved", &[("1", after)])
        }
    }

    fn value(name: &str, fields: &[(&str, &str)]) -> TypeVersion {
        let item = |(slot, shape): &(&str, &str)| Item {
            slot: slot.parse().unwrap(),
            name: "field".to_owned(),
            shape: Some((*shape).to_owned()),
            ..Item::default()
        };
        let items = fields.iter().map(item).collect();
        TypeVersion { items, ..TypeVersion::new(What::Value, name, 1, MinReader::Is(1)) }
    }

    fn least_reader(published: &TypeVersion, types: &[TypeVersion]) -> u32 {
        let key = |published: &TypeVersion| (published.name.clone(), published.number);
        published.least_reader(&types.iter().map(|each| (key(each), each.clone())).collect())
    }
}
