use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(map(lww))]
    readings: std::collections::BTreeMap<String, u64>,
}

fn main() {}
