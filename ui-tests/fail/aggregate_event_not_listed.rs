use synckit::{Edit, SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "journey.begun")]
struct Begun {
    at: u64,
}

#[sync_aggregate(name = "journey_of_one", lock = none)]
#[derive(Clone, Debug)]
struct Journey {
    #[merge(lww)]
    title: String,
}

fn begin(journey: &mut Edit<'_, Journey>) {
    journey.emit(Begun { at: 1 });
}

fn main() {}
