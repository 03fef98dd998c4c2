use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field(18999)]
    x: i64,
    y: i64,
}

fn main() {}
