use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
    Bad,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.converted", historical)]
struct First {
    by: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.converted", version = 3)]
#[upcast(from = First, with = convert)]
struct Third {
    by: Temper,
}

fn convert(_: First) -> Third {
    Third { by: Temper::Good }
}

fn main() {}
