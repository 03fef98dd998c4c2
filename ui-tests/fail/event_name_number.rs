use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = 3)]
struct Signed {
    by: String,
}

fn main() {}
