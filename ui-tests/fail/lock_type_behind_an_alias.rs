use synckit::SyncEvent;

type Place = i64;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: Place,
    to: Option<u32>,
    steps: u16,
}

fn main() {}
