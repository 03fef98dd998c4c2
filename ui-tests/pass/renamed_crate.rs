//! synckit under another name, or re-exported by another crate.
#![deny(warnings)]

extern crate synckit as other;

mod facade {
    pub mod inner {
        pub use other::*;
    }
}

// Whoever takes the default path now fails.
mod synckit {}

use other::{SyncEvent, SyncValue, sync_aggregate};

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "signed", crate = other)]
struct Signed {
    by: String,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "note", crate = "crate::facade::inner")]
enum NoteEvent {
    Titled(String),
    #[event(flatten)]
    Signed(Signed),
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(crate = "facade::inner")]
struct Point {
    x: i64,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(crate = other)]
enum Severity {
    Low,
    High,
}

#[sync_aggregate(name = "inspection", events(Signed), crate = facade::inner)]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

impl other::Lower<Signed> for Inspection {
    fn lower(event: &Signed, ops: &mut InspectionOps<'_>) {
        ops.title.set(event.by.as_str());
    }
}

fn main() {
    let event = NoteEvent::Signed(Signed { by: "ada".into() });
    let encoded = other::event::encode(&event).unwrap();
    assert_eq!(other::event::decode::<NoteEvent>(&encoded.event, &encoded.payload), Ok(event));
    assert_eq!(other::wire::encode(&Point { x: 1 }).unwrap(), [0x08, 2]);
    let _ = (NoteEvent::Titled(String::new()), [Severity::Low, Severity::High]);
    let _ = InspectionEvent::Created(None);
}
