use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection<T> {
    #[merge(lww)]
    title: T,
}

fn main() {}
