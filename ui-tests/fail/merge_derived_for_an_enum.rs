use synckit::SyncMerge;

#[derive(SyncMerge, Clone, Debug)]
enum Address {
    Street(String),
}

fn main() {}
