use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip", historical)]
enum NoteEvent {
    Created,
}

fn main() {}
