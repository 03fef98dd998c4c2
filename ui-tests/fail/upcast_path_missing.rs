use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.turned", historical)]
struct SignedV1 {
    by: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.turned", version = 2)]
#[upcast(from = SignedV1, with = converted)]
struct Signed {
    by: u32,
}

fn convert(old: SignedV1) -> Signed {
    Signed { by: old.by.len() as u32 }
}

fn main() {}
