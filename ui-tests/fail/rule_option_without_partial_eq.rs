use synckit::{SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug)]
struct Point {
    x: i64,
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    at: Option<Point>,
    #[merge(lww)]
    before: Vec<Point>,
}

fn main() {}
