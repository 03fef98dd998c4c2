use std::collections::BTreeMap;

use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(map(map(counter)))]
    stock: BTreeMap<String, BTreeMap<String, i64>>,
    #[merge(map)]
    notes: BTreeMap<String, String>,
}

fn main() {}
