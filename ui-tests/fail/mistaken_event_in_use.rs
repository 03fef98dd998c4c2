use synckit::aggregate::Lower;
use synckit::event::encode;
use synckit::{SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "Signed")]
struct Signed {
    by: String,
}

#[sync_aggregate(name = "inspection", events(Signed))]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

impl Lower<Signed> for Inspection {
    fn lower(event: &Signed, ops: &mut InspectionOps<'_>) {
        ops.title.set(event.by.as_str());
    }
}

fn main() {
    encode(&Signed { by: "ada".into() }).unwrap();
    encode(&InspectionEvent::from(Signed { by: "ada".into() })).unwrap();
}
