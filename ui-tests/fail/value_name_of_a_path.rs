use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(name = "../../evil/Point")]
struct Point {
    x: i64,
}

fn main() {}
