use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved", historical)]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: u16,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", version = 2)]
#[upcast(from = Moved, with = convert)]
struct Signed {
    by: u32,
}

fn convert(old: Moved) -> Signed {
    Signed { by: old.steps.into() }
}

fn main() {}
