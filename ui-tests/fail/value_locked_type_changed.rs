use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Spot {
    x: i64,
    y: f64,
}

fn main() {}
