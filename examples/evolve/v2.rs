//! The second version adds: a remark, which is optional, and the number of signatures.

use synckit::{Lower, SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "inspection.signed", version = 2)]
pub(crate) struct Signed {
    pub(crate) by: String,
    pub(crate) remark: Option<String>,
}

#[sync_aggregate(name = "inspection", version = 2, events(Signed))]
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    #[merge(lww)]
    pub(crate) title: String,
    #[merge(counter)]
    pub(crate) signatures: i64,
}

impl Lower<Signed> for Inspection {
    fn lower(event: &Signed, ops: &mut InspectionOps<'_>) {
        let remark = event.remark.as_deref().unwrap_or("no remark");
        ops.title.set(format!("Boiler, signed by {} ({remark})", event.by));
        ops.signatures.add(1);
    }
}
