use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Range {
    major: u32,
    minor: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.swapped")]
struct Swapped {
    span: Range,
}

fn main() {}
