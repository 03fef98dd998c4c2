use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed", version = "3")]
struct Signed {
    by: String,
}

fn main() {}
