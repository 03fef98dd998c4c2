use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field(0)]
    x: i64,
}

fn main() {}
