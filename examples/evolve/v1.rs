//! The first version: an inspection is signed by a name.

use synckit::{Lower, SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "inspection.signed")]
pub(crate) struct Signed {
    pub(crate) by: String,
}

#[sync_aggregate(name = "inspection", events(Signed))]
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    #[merge(lww)]
    pub(crate) title: String,
}

impl Lower<Signed> for Inspection {
    fn lower(event: &Signed, ops: &mut InspectionOps<'_>) {
        ops.title.set(format!("Boiler, signed by {}", event.by));
    }
}
