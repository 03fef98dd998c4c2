use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.sent", version = 7, historical)]
struct Old {
    to: String,
}

fn main() {}
