use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.conflicted")]
struct Moved {
    from: String,
}

fn main() {}
