use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.draft", lock = required)]
struct Moved {
    from: String,
}

fn main() {}
