use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "Inspection.Signed")]
struct Signed {
    by: String,
}

fn main() {}
