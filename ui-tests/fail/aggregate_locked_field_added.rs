use std::collections::BTreeSet;

use synckit::sync_aggregate;

#[sync_aggregate(name = "trip")]
#[derive(Clone, Debug)]
struct Note {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    visits: i64,
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(lww)]
    colour: String,
}

fn main() {}
