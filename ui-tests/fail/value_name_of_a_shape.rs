use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(name = "Point@9")]
struct Point {
    x: i64,
}

fn main() {}
