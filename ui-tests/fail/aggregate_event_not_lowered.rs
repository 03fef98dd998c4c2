use synckit::sync_aggregate;

#[derive(synckit::SyncEvent, Clone, Debug)]
#[event(name = "inspection.signed")]
struct Signed;

#[sync_aggregate(name = "inspection", events(Signed))]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn main() {}
