use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection", event(Signed))]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn main() {}
