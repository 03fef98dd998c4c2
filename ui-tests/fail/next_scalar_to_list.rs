use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved", version = 2)]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: Vec<u16>,
}

fn main() {}
