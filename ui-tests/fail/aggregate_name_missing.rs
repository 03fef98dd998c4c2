use synckit::sync_aggregate;

#[sync_aggregate(version = 2)]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn main() {}
