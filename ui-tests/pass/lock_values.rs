//! Locked values: recursive ones, ones that went on, and an enum that keeps numbers it does not know.
#![deny(warnings)]

use synckit::event::{decode, encode};
use synckit::wire::{self, Message, Reader, Unknown, Value, Writer};
use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(lock = required)]
struct Branch {
    label: String,
    children: Vec<Self>,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(lock = required)]
enum Figure {
    Dot,
    Circle { radius: u32 },
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Weather {
    Fair,
    Foul,
    #[value(other)]
    Unheard(u32),
}

mod before {
    #[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
    pub struct Spot {
        pub x: i64,
        pub y: i64,
    }

    #[derive(synckit::SyncEvent, Clone, Debug)]
    #[event(name = "trip.placed", lock = required)]
    pub struct Placed {
        pub at: Spot,
        pub before: Vec<Spot>,
    }
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(version = 2)]
struct Spot {
    x: i64,
    y: i64,
    #[field(default)]
    z: i64,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.placed", version = 2)]
struct Placed {
    at: Spot,
    before: Vec<Spot>,
}

fn main() {
    let leaf = Branch { label: "a".into(), children: vec![] };
    let tree = Branch { label: "b".into(), children: vec![leaf] };
    assert_eq!(wire::decode::<Branch>(&wire::encode(&tree).unwrap()).unwrap(), tree);
    let circle = Figure::Circle { radius: 1 };
    assert_eq!(wire::encode(&circle).unwrap(), [0x12, 2, 8, 1]);
    assert_eq!(wire::decode::<Figure>(&[0x0a, 0]).unwrap(), Figure::Dot);
    assert_eq!(Branch::SHAPE.to_string(), "Branch@1");

    let read = |bytes| Weather::read(&mut Reader::new(bytes, Unknown::Refuse));
    assert_eq!(read(&[1]), Ok(Weather::Foul));
    let unheard = read(&[9]).unwrap();
    assert_eq!(unheard, Weather::Unheard(9));
    let mut out = Writer::new();
    unheard.write(&mut out);
    assert_eq!(out.finish().unwrap(), [9]);
    assert!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f]).is_err(), "beyond protobuf's enums");

    let spot = before::Spot { x: 1, y: 2 };
    let old = encode(&before::Placed { at: spot.clone(), before: vec![spot] }).unwrap();
    let placed: Placed = decode(&old.event, &old.payload).unwrap();
    assert_eq!(placed.at, Spot { x: 1, y: 2, z: 0 });
    assert_eq!(placed.before[0].z, 0);
    let mut refused = Reader::new(&[8, 2, 16, 4], Unknown::Refuse);
    assert!(Spot::read_fields(&mut refused).is_err());
}
