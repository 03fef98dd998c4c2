use synckit::sync_aggregate;

#[derive(Clone, Debug)]
struct Signed;

#[sync_aggregate(name = "inspection", events(Signed))]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
}

fn main() {}
