use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.later")]
struct Moved {
    from: String,
}

fn main() {}
