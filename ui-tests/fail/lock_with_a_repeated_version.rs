use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.repeated")]
struct Moved {
    from: String,
}

fn main() {}
