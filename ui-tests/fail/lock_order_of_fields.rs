use synckit::SyncValue;

#[derive(SyncValue, Clone, Copy, Debug, PartialEq)]
struct Span {
    minor: u32,
    major: u32,
}

fn main() {}
