use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", historical)]
struct SignedV1 {
    by: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", version = 2)]
#[upcast(from = SignedV1, with = convert)]
struct Signed {
    by: u32,
}

fn convert(_: SignedV1, by: u32) -> Signed {
    Signed { by }
}

fn main() {}
