use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(version = 2)]
enum Figure {
    Dot,
    Circle { radius: u32, filled: bool },
}

fn main() {}
