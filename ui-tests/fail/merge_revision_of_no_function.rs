use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww, revision = 2)]
    title: String,
    #[merge(with = u64::max, revision = 0)]
    verdict: u64,
}

fn main() {}
