use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved", version = 4294967295)]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: u16,
}

fn main() {}
