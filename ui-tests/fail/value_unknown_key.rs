use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(krate = other)]
struct Point {
    x: i64,
}

fn main() {}
