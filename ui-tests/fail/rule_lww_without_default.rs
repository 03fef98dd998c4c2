use synckit::sync_aggregate;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
enum Severity {
    Low,
    High,
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(lww)]
    severity: Severity,
}

fn main() {}
