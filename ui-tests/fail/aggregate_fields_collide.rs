#![allow(non_snake_case)]

use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    a_b: String,
    #[merge(lww)]
    aB: String,
}

fn main() {}
