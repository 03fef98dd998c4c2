use synckit::{Edit, sync_aggregate};

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn rename(inspection: &mut Edit<'_, Inspection>) {
    inspection.title = "Boiler".to_owned();
}

fn main() {}
