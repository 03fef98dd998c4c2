use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Severity {
    Low = 1,
    High = 5,
}

fn main() {}
