use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.empty")]
struct Moved {
    from: String,
}

fn main() {}
