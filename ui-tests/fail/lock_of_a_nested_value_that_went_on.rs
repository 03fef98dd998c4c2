use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(version = 2)]
struct Spot {
    x: i64,
    y: i64,
    z: Option<i64>,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.placed")]
struct Placed {
    at: Spot,
    before: Vec<Spot>,
}

fn main() {}
