use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Spot {
    Here,
    There,
}

fn main() {}
