use std::collections::HashMap;

use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "counted")]
struct Counted {
    by: String,
    words: HashMap<String, u64>,
}

fn main() {}
