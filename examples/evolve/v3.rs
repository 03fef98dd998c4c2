//! The third version breaks: an inspection is signed by the number of an inspector.

use synckit::{Lower, SyncEvent, UpcastError, sync_aggregate};

/// What it was: read, and written by nobody any more. Version 1 can be read as this, so it needs no
/// type.
#[derive(SyncEvent, Clone, Debug)]
#[event(name = "inspection.signed", version = 2, historical)]
pub(crate) struct SignedByName {
    by: String,
    remark: Option<String>,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "inspection.signed", version = 3)]
#[upcast(from = SignedByName, with = numbered)]
pub(crate) struct Signed {
    pub(crate) by: u32,
    pub(crate) remark: Option<String>,
}

fn numbered(old: SignedByName) -> Result<Signed, UpcastError> {
    let number = old.by.split(' ').nth(1).and_then(|number| number.parse().ok());
    let by = number.ok_or(UpcastError::new("the name has no inspector's number"))?;
    Ok(Signed { by, remark: old.remark })
}

#[sync_aggregate(name = "inspection", version = 3, events(Signed))]
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    #[merge(lww)]
    pub(crate) title: String,
    #[merge(counter)]
    pub(crate) signatures: i64,
    #[merge(max)]
    pub(crate) greatest_number: u32,
}

impl Lower<Signed> for Inspection {
    fn lower(event: &Signed, ops: &mut InspectionOps<'_>) {
        let remark = event.remark.as_deref().unwrap_or("no remark");
        ops.title.set(format!("Boiler, signed by inspector {} ({remark})", event.by));
        ops.signatures.add(1);
        ops.greatest_number.raise(event.by);
    }
}
