use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug)]
struct Point {
    x: i64,
}

fn main() {}
