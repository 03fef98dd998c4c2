use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.counted")]
struct Counted {
    by: u32,
}

fn main() {}
