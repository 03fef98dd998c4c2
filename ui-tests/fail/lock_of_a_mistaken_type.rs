use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Copy, Debug, PartialEq)]
struct Span {
    major: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.swapped")]
struct Swapped {
    span: Span,
}

fn main() {}
