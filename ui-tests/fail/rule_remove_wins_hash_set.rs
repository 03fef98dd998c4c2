use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(set(remove_wins))]
    tags: std::collections::HashSet<String>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.tags.insert("a"));
}
