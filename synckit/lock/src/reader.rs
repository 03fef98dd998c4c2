//! The lowest version whose readers may apply what a version writes.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use crate::{Item, Reserved, Slot, Version, What, shape};

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
pub struct Published {
    /// The kind of type.
    pub what: What,
    /// The name in stored bytes and schemas.
    pub name: String,
    /// The version, from 1.
    pub number: u32,
    /// The lowest version whose readers may apply what this one writes.
    pub min_reader: MinReader,
    /// The fields and variants.
    pub items: Vec<Item>,
    /// The fields that are gone.
    pub reserved: Vec<Reserved>,
    /// The variant that stands for unknown numbers.
    pub other: Option<String>,
}

/// The value types that a program has, by name and version.
pub type Types = BTreeMap<(String, u32), Published>;

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

impl Published {
    /// The version as its lock has it.
    pub fn version(&self, types: &Types) -> Version {
        Version {
            number: self.number,
            min_reader: self.least_reader(types),
            items: self.items.clone(),
            reserved: self.reserved.clone(),
            other: self.other.clone(),
        }
    }

    /// The lowest version whose readers may apply this one.
    pub fn least_reader(&self, types: &Types) -> u32 {
        self.least_within(types, &mut Vec::new())
    }

    /// A type that is being looked at further out holds itself, and decides there.
    fn least_within<'a>(&'a self, types: &'a Types, outer: &mut Vec<&'a str>) -> u32 {
        let MinReader::Depends { least, fields } = &self.min_reader else {
            return self.min_reader.without_types(self.number);
        };
        outer.push(&self.name);
        let can_be_read = fields.iter().all(|(slot, locked)| {
            let item = self.items.iter().find(|item| item.slot == *slot);
            let shape = item.and_then(|item| item.shape.as_ref());
            shape.is_some_and(|shape| {
                shape::is_same_or_later(locked, shape) && can_be_read(shape, locked, types, outer)
            })
        });
        outer.pop();
        if can_be_read { *least } else { self.number }
    }
}

/// Whether readers of the locked versions of the types in a shape can read the types as they are.
fn can_be_read<'a>(
    shape: &'a str,
    locked: &str,
    types: &'a Types,
    outer: &mut Vec<&'a str>,
) -> bool {
    shape::named(shape).all(|(name, version)| {
        let before = shape::named(locked).find(|(before, _)| *before == name);
        let before = before.map_or(0, |(_, version)| version);
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
        let point = |min_reader| Published { number: 2, min_reader, ..value("Point", &[]) };
        let event = moved("Point@1", "Point@2");
        assert_eq!(least_reader(&event, &[point(MinReader::Is(1))]), 1);
        assert_eq!(least_reader(&event, &[point(MinReader::Is(2))]), 2);
        assert_eq!(least_reader(&event, &[]), 2, "nobody knows the type");
        assert_eq!(least_reader(&moved("Point@2", "Point@2"), &[]), 1);
    }

    #[test]
    fn a_type_that_holds_itself_decides_once() {
        let fields = vec![(Slot::of(None, 1), "list Tree@1".to_owned())];
        let tree = Published {
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

    fn moved(before: &str, after: &str) -> Published {
        Published {
            what: What::Event,
            number: 2,
            min_reader: MinReader::depends(1, 2, &[("1", before)]),
            ..value("moved", &[("1", after)])
        }
    }

    fn value(name: &str, fields: &[(&str, &str)]) -> Published {
        let item = |(slot, shape): &(&str, &str)| Item {
            slot: slot.parse().unwrap(),
            name: "field".to_owned(),
            shape: Some((*shape).to_owned()),
            ..Item::default()
        };
        Published {
            what: What::Value,
            name: name.to_owned(),
            number: 1,
            min_reader: MinReader::Is(1),
            items: fields.iter().map(item).collect(),
            reserved: Vec::new(),
            other: None,
        }
    }

    fn least_reader(published: &Published, types: &[Published]) -> u32 {
        let key = |published: &Published| (published.name.clone(), published.number);
        published.least_reader(&types.iter().map(|each| (key(each), each.clone())).collect())
    }
}
