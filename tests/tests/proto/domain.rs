//! A cargo ship: events with every kind of field.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use synckit::event::{EventKind, SyncEvent as Event};
use synckit::wire::{Field, FieldSchema, Lineage, Reader, WireError, Writer};
use synckit::{Lower, SyncEvent, SyncValue, sync_aggregate};

#[sync_aggregate(name = "ship", events(Measured, Loaded, Begun, Ended, Routed, Named, Shrunk))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Ship {
    #[merge(lww)]
    pub(crate) flag: Option<Flag>,
    #[merge(max)]
    pub(crate) speed: u16,
    #[merge(counter)]
    pub(crate) crew: i64,
    #[merge(set)]
    pub(crate) ports: BTreeSet<String>,
    #[merge(text)]
    pub(crate) log: String,
    #[merge(list)]
    pub(crate) stops: Vec<Place>,
}

/// Every scalar.
#[derive(SyncEvent, Clone, Debug, Default)]
#[event(name = "ship.measured", version = 2, lock = none)]
pub(crate) struct Measured {
    pub(crate) afloat: bool,
    pub(crate) tiny: i8,
    pub(crate) small: i16,
    pub(crate) medium: i32,
    pub(crate) large: i64,
    pub(crate) deck: u8,
    pub(crate) berth: u16,
    pub(crate) tons: u32,
    pub(crate) grams: u64,
    pub(crate) draught: f32,
    pub(crate) heading: f64,
    pub(crate) class: char,
    pub(crate) captain: String,
    pub(crate) seal: [u8; 4],
    pub(crate) photo: Bytes,
}

/// Every collection.
#[derive(SyncEvent, Clone, Debug, Default)]
#[event(name = "ship.loaded")]
pub(crate) struct Loaded {
    pub(crate) manifest: Vec<u8>,
    pub(crate) weights: Vec<i32>,
    pub(crate) heights: Vec<f64>,
    pub(crate) labels: Vec<String>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) seen: Vec<Place>,
    pub(crate) decks: BTreeSet<u8>,
    pub(crate) marks: BTreeSet<[u8; 2]>,
    pub(crate) by_name: BTreeMap<String, u32>,
    pub(crate) by_berth: BTreeMap<i16, Place>,
    pub(crate) by_letter: BTreeMap<char, Flag>,
    pub(crate) by_seal: BTreeMap<[u8; 2], Place>,
    pub(crate) by_flag: BTreeMap<Flag, i64>,
    pub(crate) remark: Option<String>,
    pub(crate) delay: Option<i32>,
    pub(crate) next: Option<Place>,
    pub(crate) stamp: Option<Flag>,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "voyage.begun")]
pub(crate) struct Begun {
    pub(crate) from: Place,
    pub(crate) crew: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "voyage.ended")]
pub(crate) struct Ended;

/// Values within values.
#[derive(SyncEvent, Clone, Debug)]
#[event(name = "ship.routed")]
pub(crate) struct Routed {
    pub(crate) order: Order,
    pub(crate) plan: Plan,
}

/// Names that protobuf does not take as they are.
#[derive(SyncEvent, Clone, Debug)]
#[event(name = "ship.2nd-name")]
#[allow(non_snake_case)]
pub(crate) struct Named {
    pub(crate) r#type: String,
    pub(crate) message: Message,
    pub(crate) home_port: String,
    pub(crate) homePort: String,
    pub(crate) größe: u32,
    pub(crate) string: BTreeMap<String, bool>,
    pub(crate) StringEntry: bool,
    pub(crate) stage: Stage,
    pub(crate) reserved: StageOf,
    pub(crate) Message: bool,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) north: i32,
}

#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flag {
    #[value(3)]
    InDistress,
    #[value(1)]
    Yellow,
    #[value(other)]
    Foreign(u32),
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
pub(crate) enum Order {
    Stop,
    SailTo { place: Place, with: Option<u8> },
    Place(Place),
    Variant(Vec<Order>),
}

/// Contains itself.
#[derive(SyncValue, Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) order: Order,
    pub(crate) otherwise: Option<Box<Plan>>,
    pub(crate) then: Vec<Plan>,
}

/// The name of a protobuf keyword, and of an event's message.
#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(name = "ShipLoaded")]
pub(crate) struct Message {
    pub(crate) option: bool,
}

/// Together with [`StageOf`], values of one name.
#[derive(SyncValue, Clone, Debug, PartialEq)]
pub(crate) enum Stage {
    Unspecified,
    OfShip,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[allow(clippy::upper_case_acronyms)]
pub(crate) enum StageOf {
    #[value(5)]
    Ship,
    #[value(6)]
    SHIP,
}

/// An event that has lost fields, as its lock file would have it.
#[derive(Clone, Debug)]
pub(crate) struct Shrunk {
    pub(crate) left: u32,
}

impl Event for Shrunk {
    const KINDS: &'static [EventKind] =
        &[EventKind::new("ship.shrunk", 3, &[FieldSchema::new(5, "left", <u32 as Field>::SHAPE)])
            .locked(Lineage::of("", 3).reserved(&["2 cargo", "4 crew", "7 left"]))];

    fn kind(&self) -> usize {
        0
    }

    fn write_payload(&self, out: &mut Writer) {
        self.left.write_field(5, out);
    }

    fn read_payload(_: usize, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { left: u32::read_field(5, input)? })
    }
}

macro_rules! noted {
    ($($event:ident)*) => {$(
        impl Lower<$event> for Ship {
            fn lower(_: &$event, _: &mut Self::Ops<'_>) {}
        }
    )*};
}
noted!(Measured Loaded Begun Ended Routed Named Shrunk);
