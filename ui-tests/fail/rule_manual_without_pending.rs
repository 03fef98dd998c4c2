use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(manual)]
    terms: String,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.terms.set("30 days"));
}
