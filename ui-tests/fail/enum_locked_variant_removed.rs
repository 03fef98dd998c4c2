use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
}

fn main() {}
