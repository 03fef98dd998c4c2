use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Spot {
    x: i64,
    y: i64,
    z: Option<i64>,
}

fn main() {}
