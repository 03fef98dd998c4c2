use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", historical)]
struct Old {
    by: u64,
}

fn main() {}
