use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: String,
    to: u32,
    steps: u16,
}

fn main() {}
