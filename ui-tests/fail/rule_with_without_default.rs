use synckit::sync_aggregate;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
struct Day(u32);

fn later(one: Day, other: Day) -> Day {
    if one.0 < other.0 { other } else { one }
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(with = later)]
    opened: Day,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.opened.join(Day(1)));
}
