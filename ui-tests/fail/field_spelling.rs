use std::collections::{BTreeMap, BTreeSet};

use synckit::{SyncEvent, SyncValue};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    pair: (u32, String),
    pairs: Vec<(u32, String)>,
    three: [u64; 3],
    perhaps: Option<Option<String>>,
    some: Option<Vec<u8>>,
    rows: Vec<Vec<u8>>,
    sets: std::collections::BTreeMap<String, BTreeSet<u8>>,
    keyed: BTreeMap<(u8, u8), u8>,
    hash: [u8; 32],
    bytes: Vec<u8>,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Shape {
    Line([f64; 2]),
    Dot { at: (f64, f64) },
}

fn main() {}
