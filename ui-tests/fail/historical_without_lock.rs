use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.draft", historical, lock = required)]
struct Old {
    from: String,
}

fn main() {}
