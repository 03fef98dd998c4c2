use synckit::sync_aggregate;

#[derive(Clone, Debug, PartialEq, Default)]
struct Plain;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: Plain,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.title.set(Plain));
}
