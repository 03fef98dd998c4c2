//! The version behind the last keeps its numbers, and reads the last one's bytes.
#![deny(warnings)]

use std::collections::BTreeSet;

use synckit::SyncEvent;
use synckit::event::{decode, encode};

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip.moved")]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: u16,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip.moved", version = 2)]
struct MovedOn {
    via: BTreeSet<String>,
    #[field(was = "steps")]
    paces: u64,
    #[field(default)]
    days: u32,
    from: Option<String>,
    by: Option<String>,
    #[field(default)]
    to: u32,
}

fn main() {
    let numbers: Vec<_> = MovedOn::KINDS[0].fields.iter().map(|it| (it.number, it.name)).collect();
    let expected = [(1, "from"), (2, "to"), (3, "paces"), (4, "via"), (5, "days"), (6, "by")];
    assert_eq!(numbers, expected);

    let old = encode(&Moved { from: "a".into(), to: None, steps: 7 }).unwrap();
    let read: MovedOn = decode(&old.event, &old.payload).unwrap();
    let (via, by) = (BTreeSet::new(), None);
    assert_eq!(read, MovedOn { via, paces: 7, days: 0, from: Some("a".into()), by, to: 0 });

    // Nothing is left out of events of the version itself.
    let mut cut = encode(&read).unwrap();
    cut.payload = old.payload;
    assert!(decode::<MovedOn>(&cut.event, &cut.payload).is_err());
    // As long as it is a draft, only its own readers apply it.
    assert_eq!(cut.event.min_reader, 2);
    assert!(decode::<Moved>(&cut.event, &cut.payload).is_err());
}
