use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.turned", historical)]
struct SignedV1 {
    by: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.turned", version = 2)]
#[upcast(from = SignedV1, from = SignedV1)]
struct Signed {
    by: u32,
}

fn main() {}
