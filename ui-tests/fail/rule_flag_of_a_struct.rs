use synckit::sync_aggregate;

#[derive(synckit::SyncValue, Clone, Debug, Default, PartialEq)]
struct Done(bool);

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(flag)]
    done: Done,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.done.set(true));
}
