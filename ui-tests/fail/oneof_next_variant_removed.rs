use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(version = 2)]
enum Figure {
    Circle { radius: u32 },
}

fn main() {}
