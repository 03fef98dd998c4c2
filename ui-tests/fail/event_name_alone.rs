use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event("inspection.signed")]
struct Signed {
    by: String,
}

fn main() {}
