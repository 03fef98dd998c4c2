use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
struct Moved<T> {
    to: T,
}

fn main() {}
