use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
    Bad,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.converted", version = 2, historical)]
struct Second {
    by: u32,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.converted", version = 3)]
#[upcast(from = Second, with = convert)]
struct Third {
    by: Temper,
}

fn convert(_: Second) -> Third {
    Third { by: Temper::Good }
}

fn main() {}
