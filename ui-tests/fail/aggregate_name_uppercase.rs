use synckit::sync_aggregate;

#[sync_aggregate(name = "Inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn main() {}
