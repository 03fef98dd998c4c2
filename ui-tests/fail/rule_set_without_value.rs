use std::collections::BTreeSet;

use synckit::sync_aggregate;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Plain;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(set)]
    tags: BTreeSet<Plain>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.tags.insert(Plain));
}
