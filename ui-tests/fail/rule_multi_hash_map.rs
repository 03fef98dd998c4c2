use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(multi)]
    owner: synckit::merge::Conflicted<std::collections::HashMap<String, u8>>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.title.set("ann"));
}
