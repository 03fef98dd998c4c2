use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(text)]
    body: Option<String>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.body.insert(0, "x"));
}
