use synckit::sync_aggregate;

fn first(heads: &[synckit::merge::Head<u8>]) -> u8 {
    heads[0].value
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(map(resolve = first))]
    opened: std::collections::BTreeMap<String, u8>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.title.set("ann"));
}
