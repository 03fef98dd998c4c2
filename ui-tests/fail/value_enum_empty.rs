use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Severity {}

fn main() {}
