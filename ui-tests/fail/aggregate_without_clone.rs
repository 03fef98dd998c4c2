use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn main() {}
