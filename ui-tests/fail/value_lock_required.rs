use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(lock = required)]
struct Line {
    length: i64,
}

fn main() {}
