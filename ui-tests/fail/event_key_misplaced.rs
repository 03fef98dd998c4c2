use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed", flatten)]
struct Signed {
    by: String,
}

fn main() {}
