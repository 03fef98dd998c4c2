#![allow(non_snake_case)]

use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    a_b: String,
    #[merge(counter)]
    aB: i64,
}

fn main() {}
