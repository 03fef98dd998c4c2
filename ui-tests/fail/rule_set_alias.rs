use synckit::sync_aggregate;

type Tags = std::collections::BTreeSet<String>;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(set)]
    tags: Tags,
}

fn main() {}
