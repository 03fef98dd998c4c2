use synckit::sync_aggregate;

fn wrong(heads: &[u64]) -> u64 {
    heads[0]
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(with = wrong)]
    opened: Option<u64>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.opened.join(3_u64));
}
