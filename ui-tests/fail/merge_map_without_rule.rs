use std::collections::BTreeMap;

use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(map)]
    notes: BTreeMap<String, String>,
}

fn main() {}
