use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(set(last_wins))]
    tags: std::collections::BTreeSet<String>,
}

fn main() {}
