use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
enum NoteEvent {
    #[event(flatten)]
    Other(Other),
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "other")]
enum Other {
    Opened,
    Closed,
}

fn main() {}
