use std::collections::BTreeMap;

use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(map(counter))]
    stock: BTreeMap<String, String>,
}

fn main() {}
