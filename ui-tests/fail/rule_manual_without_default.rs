use synckit::merge::Pending;
use synckit::sync_aggregate;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
struct Terms(u32);

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(manual)]
    terms: Pending<Terms>,
}

fn main() {
    let _ = synckit::aggregate::record::<Inspection>(|it| it.title.set("contract"));
}
