use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.lost", version = 2)]
struct Lost {
    by: String,
}

fn main() {}
