use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Figure {
    Dot,
    Circle { radius: u32, filled: Option<bool> },
}

fn main() {}
