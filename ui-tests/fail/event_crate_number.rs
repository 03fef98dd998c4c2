use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed", crate = 3)]
struct Signed {
    by: String,
}

fn main() {}
