use std::collections::BTreeSet;

use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(list)]
    steps: BTreeSet<String>,
    #[merge(list)]
    sizes: Vec<usize>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.steps.push("x"));
}
