use synckit::sync_aggregate;

#[sync_aggregate(name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    n: i64,
}

fn main() {}
