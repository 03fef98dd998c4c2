//! A locked event has the numbers of its lock, in whatever order its fields stand.
#![deny(warnings)]

use synckit::SyncEvent;
use synckit::event::{decode, encode};

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip.moved", lock = required)]
struct Moved {
    steps: u16,
    #[field(2)]
    to: Option<u32>,
    from: Place,
}

/// Seen through by rustc, not by the macro.
type Place = std::string::String;

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip", lock = required)]
enum TripEvent {
    #[event(version = 2)]
    Sent { copies: Vec<String>, to: String, at: u64 },
}

fn main() {
    let numbers: Vec<_> = Moved::KINDS[0].fields.iter().map(|it| (it.number, it.name)).collect();
    assert_eq!(numbers, [(1, "from"), (2, "to"), (3, "steps")]);
    let event = Moved { from: "a".into(), to: None, steps: 7 };
    let encoded = encode(&event).unwrap();
    assert_eq!(*encoded.payload, [0x0a, 1, b'a', 0x18, 7]);
    assert_eq!(decode::<Moved>(&encoded.event, &encoded.payload).unwrap(), event);

    let kind = TripEvent::KINDS[0];
    assert_eq!((kind.name, kind.version, kind.min_reader), ("trip.sent", 2, 2));
    let numbers: Vec<_> = kind.fields.iter().map(|it| (it.number, it.name)).collect();
    assert_eq!(numbers, [(1, "to"), (2, "at"), (4, "copies")]);
    assert_eq!(kind.lineage.unwrap().reserved, ["3 cc"]);
}
