use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", historical)]
struct SignedV1 {
    by: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", version = 2)]
#[upcast(from = SignedV1, with = NUMBER)]
struct Signed {
    by: u32,
}

const NUMBER: u32 = 1;

fn main() {}
