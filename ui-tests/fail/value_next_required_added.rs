use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(version = 2)]
struct Spot {
    x: i64,
    y: i64,
    z: i64,
}

fn main() {}
