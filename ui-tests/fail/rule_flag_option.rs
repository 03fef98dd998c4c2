use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(flag)]
    done: Option<bool>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.done.set(true));
}
