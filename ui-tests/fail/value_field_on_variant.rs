use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Severity {
    #[field(3)]
    Low,
}

fn main() {}
