use synckit::sync_aggregate;

#[derive(synckit::SyncEvent, Clone, Debug)]
#[event(name = "inspection.signed")]
struct Signed;

#[sync_aggregate(name = "inspection", events(Signed))]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(counter)]
    visits: i64,
}

impl synckit::Lower<Signed> for Inspection {
    fn lower(_: &Signed, ops: &mut InspectionOps<'_>) {
        ops.visits.add(*ops.visits.get());
    }
}

fn main() {}
