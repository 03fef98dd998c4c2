use synckit::sync_aggregate;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
struct Day(u32);

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(multi)]
    opened: synckit::merge::Conflicted<Day>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.opened.set(Day(1)));
}
