use synckit::SyncValue;

#[derive(SyncValue, Clone, Copy, Debug, PartialEq)]
#[value(version = 2)]
struct Span {
    major: u32,
    #[field(default)]
    middle: u8,
    minor: u32,
}

fn main() {}
