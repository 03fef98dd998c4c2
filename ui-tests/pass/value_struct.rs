//! Structs are messages, nested and recursive ones too.
#![deny(warnings, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use synckit::SyncValue;
use synckit::wire::{Message, Value, decode, encode};

#[derive(SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    x: i64,
    y: i64,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Tree {
    label: String,
    left: Option<Box<Tree>>,
    children: Vec<Tree>,
    places: BTreeMap<String, Point>,
    points: BTreeSet<Point>,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Metres(f64);

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Pair(bool, [u8; 4]);

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Nothing;

fn main() {
    let leaf = |label: &str| Tree {
        label: label.into(),
        left: None,
        children: Vec::new(),
        places: BTreeMap::new(),
        points: BTreeSet::new(),
    };
    survives(Tree {
        left: Some(Box::new(leaf("left"))),
        children: vec![leaf("a"), leaf("b")],
        places: [("here".to_owned(), Point { x: 1, y: -1 })].into(),
        points: [Point { x: 0, y: 0 }, Point { x: -1, y: 2 }].into(),
        ..leaf("root")
    });
    survives(Metres(1.5));
    survives(Pair(true, *b"abcd"));
    survives(Nothing);
    assert_eq!(encode(&Point { x: 1, y: -1 }).unwrap(), [0x08, 2, 0x10, 1]);
    assert_eq!(Tree::SHAPE.to_string(), "Tree@1");
}

fn survives<V: Message + PartialEq + std::fmt::Debug>(value: V) {
    assert_eq!(decode::<V>(&encode(&value).unwrap()).unwrap(), value);
}
