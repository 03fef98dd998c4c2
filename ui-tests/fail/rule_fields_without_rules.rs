use synckit::{SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, Default, PartialEq)]
struct Address {
    street: String,
}

#[sync_aggregate(name = "customer")]
#[derive(Clone, Debug)]
struct Customer {
    #[merge(lww)]
    name: String,
    #[merge(fields)]
    address: Address,
}

fn main() {}
