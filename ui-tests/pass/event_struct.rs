//! A struct is one kind of event, whatever form it has.
#![deny(warnings, missing_docs)]

use synckit::SyncEvent;
use synckit::event::{EventKind, decode, encode};
use synckit::wire::{Scalar, Shape};

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.signed", version = 3, lock = none)]
struct Signed {
    by: String,
    at: Option<u64>,
    pages: Vec<u32>,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "visited", commutes)]
struct Visited(i64);

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "moved")]
struct Moved(i32, i32);

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "pinged")]
struct Pinged;

fn main() {
    let kind: EventKind = Signed::KINDS[0];
    assert_eq!((kind.name, kind.version, kind.min_reader), ("inspection.signed", 3, 3));
    assert!(!kind.commutes);
    let fields: Vec<_> = kind.fields.iter().map(|field| (field.number, field.name)).collect();
    assert_eq!(fields, [(1, "by"), (2, "at"), (3, "pages")]);
    assert_eq!(kind.fields[0].shape, Shape::Scalar(Scalar::Text));

    assert_eq!((Visited::KINDS[0].version, Visited::KINDS[0].commutes), (1, true));
    assert_eq!(Visited::KINDS[0].fields[0].name, "value");
    assert_eq!(Moved::KINDS[0].fields[1].name, "value_2");
    assert!(Pinged::KINDS[0].fields.is_empty());

    survives(Signed { by: "ada".into(), at: None, pages: vec![1, 300] });
    survives(Visited(-2));
    survives(Moved(3, -4));
    survives(Pinged);
}

fn survives<E: SyncEvent + PartialEq>(event: E) {
    let encoded = encode(&event).unwrap();
    assert_eq!(decode::<E>(&encoded.event, &encoded.payload).unwrap(), event);
}
