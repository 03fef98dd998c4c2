use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.gap")]
struct Moved {
    from: String,
}

fn main() {}
