use synckit::sync_aggregate;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
struct Day(u32);

fn first(heads: &[synckit::merge::Head<Day>]) -> Day {
    heads[0].value.clone()
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(resolve = first)]
    opened: Day,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.opened.set(Day(1)));
}
