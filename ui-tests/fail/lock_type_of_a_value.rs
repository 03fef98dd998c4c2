use synckit::SyncEvent;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
struct Paces {
    number: u16,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: Paces,
}

fn main() {}
