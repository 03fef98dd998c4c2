use synckit::sync_aggregate;

fn first(heads: &[synckit::merge::Head<usize>]) -> usize {
    heads[0].value
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(resolve = first)]
    opened: usize,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.opened.set(1_usize));
}
