use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(set)]
    readings: std::collections::BTreeSet<usize>,
}

fn main() {}
