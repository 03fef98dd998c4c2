use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", historical)]
struct SignedV1 {
    by: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", version = 2)]
#[upcast(from = Signed, with = convert)]
struct Signed {
    by: u32,
}

fn convert(old: Signed) -> Signed {
    old
}

fn main() {}
