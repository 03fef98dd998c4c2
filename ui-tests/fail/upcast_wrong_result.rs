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

fn convert(old: SignedV1) -> u32 {
    old.by.len() as u32
}

fn main() {}
