use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
enum NoteEvent {
    Renamed(String),
    #[event(name = "note.renamed")]
    TitleSet(String),
}

fn main() {}
