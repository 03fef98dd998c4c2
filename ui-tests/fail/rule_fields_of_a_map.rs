use std::collections::BTreeMap;

use synckit::{SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, Default, PartialEq)]
struct Address {
    street: String,
}

#[sync_aggregate(name = "customer")]
#[derive(Clone, Debug)]
struct Customer {
    #[merge(map(fields))]
    addresses: BTreeMap<String, Address>,
    #[merge(map(fields))]
    names: BTreeMap<String, String>,
}

fn main() {}
