use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    visits: std::num::NonZeroU64,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.visits.add(1));
}
