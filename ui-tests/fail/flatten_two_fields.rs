use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
enum NoteEvent {
    #[event(flatten)]
    Signed(Signed, u32),
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "signed")]
struct Signed;

fn main() {}
