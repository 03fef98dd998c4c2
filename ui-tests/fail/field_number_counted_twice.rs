use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field(2)]
    x: i64,
    #[field(1)]
    y: i64,
    z: i64,
}

fn main() {}
