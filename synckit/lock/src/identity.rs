//! Identities of value types: a name and a version do not say which type it is.
//!
//! The identity of a type is a hash over its items in their order and over the identities of the
//! types in it. Types that hold each other have no first one: they are hashed together, and refer
//! to each other by name.

use std::collections::{BTreeMap, BTreeSet};

use crate::fingerprint::{Fingerprint, Identity};
use crate::reader::{TypeVersion, Types};
use crate::shape;

/// The identities of value types, by name and version.
pub type Identities = BTreeMap<(String, u32), Identity>;

type Key = (String, u32);

/// The identities of all types.
pub fn identities(types: &Types) -> Identities {
    let reached: BTreeMap<_, _> =
        types.keys().map(|key| (key.clone(), reach(types, key))).collect();
    let together = |a: &Key, b: &Key| {
        let reaches = |a: &Key, b: &Key| reached.get(a).is_some_and(|all| all.contains(b));
        a == b || reaches(a, b) && reaches(b, a)
    };
    let mut found = Identities::new();
    // What a type holds has an identity before the type, unless they hold each other: a type
    // reaches more than those that it holds.
    let mut order: Vec<_> = types.keys().collect();
    order.sort_by_key(|key| reached.get(*key).map_or(0, BTreeSet::len));
    for key in order {
        let mut group = Fingerprint::new();
        for (member, published) in types.iter().filter(|(member, _)| together(key, member)) {
            let is_outside = |name: &str, version: u32| {
                let named = (name.to_owned(), version);
                if together(key, &named) { None } else { found.get(&named).copied() }
            };
            add(&mut group, member, published, is_outside);
        }
        let mut own = Fingerprint::new();
        own.add(&group.to_string());
        own.add(&format!("{}@{}", key.0, key.1));
        found.insert(key.clone(), own.identity());
    }
    found
}

/// A shape with the identities of the types that it names.
pub fn identified(text: &str, of: impl Fn(&str, u32) -> Option<Identity>) -> String {
    let word = |word: &str| match shape::named(word).next() {
        Some(named) => match of(named.name, named.version) {
            Some(identity) => format!("{}@{}#{identity}", named.name, named.version),
            None => word.to_owned(),
        },
        None => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The type, those that it holds, and those that these hold.
fn reach(types: &Types, from: &Key) -> BTreeSet<Key> {
    let mut reached = BTreeSet::from([from.clone()]);
    let mut rest = vec![from.clone()];
    while let Some(next) = rest.pop() {
        for named in types.get(&next).into_iter().flat_map(TypeVersion::named) {
            if reached.insert(named.clone()) {
                rest.push(named);
            }
        }
    }
    reached
}

fn add(
    hash: &mut Fingerprint,
    key: &Key,
    published: &TypeVersion,
    outside: impl Fn(&str, u32) -> Option<Identity>,
) {
    hash.add(&format!("{} {} {}", published.what.word(), key.0, key.1));
    for item in &published.items {
        let shape = item.shape.as_ref().map(|shape| identified(shape, &outside));
        hash.add(&crate::Item { shape, ..item.clone() }.to_string());
    }
    published.other.iter().for_each(|other| hash.add(&format!("other {other}")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::MinReader;
    use crate::{Item, Slot, What};

    #[test]
    fn an_identity_covers_what_is_held_further_down() {
        let money = |inner| types(&[("Money", &["Cents@1"]), ("Cents", &[inner])]);
        assert_eq!(of(&money("u32"), "Money"), of(&money("u32"), "Money"));
        assert_ne!(of(&money("u32"), "Money"), of(&money("u64"), "Money"));
    }

    #[test]
    fn the_order_of_fields_is_part_of_it() {
        let mut turned = types(&[("Point", &["u8", "u16"])]);
        let before = of(&turned, "Point");
        turned.values_mut().for_each(|point| point.items.reverse());
        assert_ne!(of(&turned, "Point"), before);
    }

    #[test]
    fn types_that_hold_each_other_have_one() {
        let forest = |leaf| {
            types(&[
                ("Tree", &["list Branch@1"]),
                ("Branch", &["optional Tree@1", "Leaf@1"]),
                ("Leaf", &[leaf]),
                ("Wood", &["Tree@1"]),
            ])
        };
        let (before, after) = (forest("u8"), forest("u16"));
        for name in ["Tree", "Branch", "Leaf", "Wood"] {
            assert_ne!(of(&before, name), of(&after, name), "{name}");
        }
        assert_ne!(of(&before, "Tree"), of(&before, "Branch"));
    }

    #[test]
    fn a_shape_is_printed_with_identities() {
        let print = |shape| identified(shape, |name, _| (name == "A").then_some(Identity(1)));
        assert_eq!(print("map A@1 list B@2"), "map A@1#0000000000000001 list B@2");
        assert_eq!(print("optional u32"), "optional u32");
    }

    fn of(types: &Types, name: &str) -> Identity {
        identities(types)[&(name.to_owned(), 1)]
    }

    fn types(each: &[(&str, &[&str])]) -> Types {
        let item = |(number, shape): (u32, &&str)| Item {
            slot: Slot::of(None, number),
            name: format!("field_{number}"),
            shape: Some((*shape).to_owned()),
            ..Item::default()
        };
        let published = |(name, shapes): &(&str, &[&str])| {
            let items = (1..).zip(*shapes).map(item).collect();
            let published =
                TypeVersion { items, ..TypeVersion::new(What::Value, name, 1, MinReader::Is(1)) };
            (((*name).to_owned(), 1), published)
        };
        each.iter().map(published).collect()
    }
}
