use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.noted", version = 2)]
struct Noted {
    by: String,
    note: String,
}

fn main() {}
