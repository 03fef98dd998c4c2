use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(map(fww))]
    opened: std::collections::BTreeMap<String, u64>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.title.set("x"));
}
