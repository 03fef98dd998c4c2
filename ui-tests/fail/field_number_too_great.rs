use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field(536870912)]
    x: i64,
}

fn main() {}
