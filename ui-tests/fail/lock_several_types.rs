use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: u32,
    to: Vec<u32>,
    steps: i16,
}

fn main() {}
