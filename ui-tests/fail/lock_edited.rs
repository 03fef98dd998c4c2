use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.edited")]
struct Moved {
    from: String,
}

fn main() {}
