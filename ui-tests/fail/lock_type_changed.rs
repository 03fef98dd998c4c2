use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: u32,
    to: Option<u32>,
    steps: u16,
}

fn main() {}
