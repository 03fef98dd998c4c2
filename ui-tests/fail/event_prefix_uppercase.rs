use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "Note")]
enum NoteEvent {
    Created,
    Renamed(String),
}

fn main() {}
