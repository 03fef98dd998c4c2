use synckit::{Lower, SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "journey.begun", lock = none)]
struct Begun {
    at: u64,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "journey.ended", lock = none)]
struct Ended {
    at: u64,
}

#[sync_aggregate(name = "journey", events(Begun), retired(Ended))]
#[derive(Clone, Debug)]
struct Journey {
    #[merge(lww)]
    title: String,
}

impl Lower<Begun> for Journey {
    fn lower(_: &Begun, _: &mut JourneyOps<'_>) {}
}

impl Lower<Ended> for Journey {
    fn lower(_: &Ended, _: &mut JourneyOps<'_>) {}
}

fn main() {}
