use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.draft", historical)]
struct Old {
    from: String,
}

fn main() {}
