use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
struct Signed {
    by: String,
}

fn main() {}
