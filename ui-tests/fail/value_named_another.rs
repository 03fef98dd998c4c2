use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(name = "Spot")]
struct Position {
    x: i64,
}

fn main() {}
