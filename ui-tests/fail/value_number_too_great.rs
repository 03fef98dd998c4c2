use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Severity {
    #[value(2147483648)]
    Low,
}

fn main() {}
