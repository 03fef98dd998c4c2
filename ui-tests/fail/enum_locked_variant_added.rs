use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
    Bad,
    Mixed,
}

fn main() {}
