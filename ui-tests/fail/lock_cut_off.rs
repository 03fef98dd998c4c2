use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.cut")]
struct Moved {
    from: String,
}

fn main() {}
