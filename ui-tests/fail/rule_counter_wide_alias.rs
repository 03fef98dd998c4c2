use synckit::sync_aggregate;

type Visits = u128;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    visits: Visits,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.visits.add(1));
}
