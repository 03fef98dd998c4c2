use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
enum NoteEvent {
    #[event(name = "note.created")]
    Created,
    Renamed(String),
}

fn main() {}
