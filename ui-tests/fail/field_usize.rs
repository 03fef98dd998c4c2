use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Page {
    offset: usize,
    length: u32,
}

fn main() {}
