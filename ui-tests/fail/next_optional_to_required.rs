use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved", version = 2)]
struct Moved {
    from: String,
    to: u32,
    steps: u16,
}

fn main() {}
