use synckit::sync_aggregate;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
enum Inspection {
    Open {
        #[merge(lww)]
        since: u64,
    },
    Closed,
}

fn main() {}
