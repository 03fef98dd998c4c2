use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
    Bad { why: String },
}

fn main() {}
