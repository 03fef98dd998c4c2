use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
enum NoteEvent {
    #[event(flatten)]
    Signed(Signed),
}

#[derive(Clone, Debug)]
struct Signed;

fn main() {}
