use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved", lock = demanded)]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: u16,
}

fn main() {}
