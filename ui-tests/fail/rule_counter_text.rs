use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(counter)]
    visits: String,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.visits.add(1));
}
