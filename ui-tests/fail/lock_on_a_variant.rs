use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip")]
enum NoteEvent {
    #[event(lock = required)]
    Drafted,
}

fn main() {}
