use synckit::sync_aggregate;

#[derive(synckit::SyncEvent, Clone, Debug)]
#[event(name = "inspection.signed")]
struct Signed;

#[sync_aggregate(name = "inspection", events(Signed, Signed))]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

impl synckit::Lower<Signed> for Inspection {
    fn lower(_: &Signed, _: &mut InspectionOps<'_>) {}
}

fn main() {}
