use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
enum NoteEvent {
    #[event(flatten, name = "note.signed")]
    Signed(Signed),
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed")]
struct Signed;

fn main() {}
