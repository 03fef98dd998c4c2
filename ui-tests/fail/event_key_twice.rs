use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed", name = "sealed")]
struct Signed {
    by: String,
}

fn main() {}
