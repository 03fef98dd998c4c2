use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed", commutes = true)]
struct Signed {
    by: String,
}

fn main() {}
