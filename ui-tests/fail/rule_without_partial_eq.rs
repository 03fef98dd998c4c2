use synckit::{SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, Default)]
struct Point {
    x: i64,
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    at: Point,
}

fn main() {}
