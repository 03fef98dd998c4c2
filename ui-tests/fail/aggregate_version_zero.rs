use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection", version = 0)]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn main() {}
