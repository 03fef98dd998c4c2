use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name "signed")]
struct Signed {
    by: String,
}

fn main() {}
