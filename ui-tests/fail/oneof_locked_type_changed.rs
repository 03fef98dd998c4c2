use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Figure {
    Dot,
    Circle { radius: u64 },
}

fn main() {}
