use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Severity {
    Low,
    High,
    #[value(1)]
    Severe,
}

fn main() {}
