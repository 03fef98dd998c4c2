use synckit::sync_aggregate;

#[derive(synckit::SyncEvent, Clone, Debug)]
#[event(name = "inspection.made")]
struct Created;

#[sync_aggregate(name = "inspection", events(Created))]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

impl synckit::Lower<Created> for Inspection {
    fn lower(_: &Created, _: &mut InspectionOps<'_>) {}
}

fn main() {}
