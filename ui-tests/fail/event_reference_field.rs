use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
struct Moved {
    to: &'static str,
}

fn main() {}
