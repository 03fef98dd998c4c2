use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(counter(min = 0))]
    stock: u32,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.title.set("x"));
}
