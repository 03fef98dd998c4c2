use std::collections::BTreeMap;

use synckit::{SyncMerge, sync_aggregate};

#[derive(SyncMerge, Clone, Debug, Default, PartialEq)]
struct Address {
    #[merge(lww)]
    street: String,
    #[merge(fields)]
    rooms: Vec<String>,
}

#[sync_aggregate(name = "customer")]
#[derive(Clone, Debug)]
struct Customer {
    #[merge(map(fields))]
    addresses: BTreeMap<String, Address>,
}

fn main() {}
