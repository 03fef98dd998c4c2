use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Spot {
    x: i64,
    y: i64,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.pinned")]
struct Pinned {
    at: Spot,
}

fn main() {}
