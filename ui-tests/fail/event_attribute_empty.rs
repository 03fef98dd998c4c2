use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event]
struct Signed {
    by: String,
}

fn main() {}
