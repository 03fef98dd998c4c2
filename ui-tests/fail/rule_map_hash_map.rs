use std::collections::HashMap;

use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(map(lww))]
    readings: HashMap<String, u64>,
}

fn main() {}
