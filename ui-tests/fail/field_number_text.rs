use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field("3")]
    x: i64,
}

fn main() {}
