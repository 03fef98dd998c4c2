use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(nmae = "signed")]
struct Signed {
    by: String,
}

fn main() {}
