use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "")]
struct Signed {
    by: String,
}

fn main() {}
