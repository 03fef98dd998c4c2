use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Outline {
    #[value(0)]
    Dot,
    Circle(u32),
}

fn main() {}
