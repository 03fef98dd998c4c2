use synckit::{SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", historical)]
struct Signed {
    by: String,
}

#[sync_aggregate(name = "page", events(Signed))]
#[derive(Clone, Debug)]
struct Page {
    #[merge(lww)]
    title: String,
}

fn main() {}
