use synckit::sync_aggregate;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq, Default)]
enum Severity {
    #[default]
    Low,
}

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(max)]
    severity: Severity,
}

fn main() {}
