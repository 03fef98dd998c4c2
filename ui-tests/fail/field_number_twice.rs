use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    x: i64,
    y: i64,
    #[field(2)]
    z: i64,
}

fn main() {}
