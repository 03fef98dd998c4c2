use synckit::SyncEvent;

#[derive(SyncEvent)]
#[event(name = "note")]
union NoteEvent {
    small: u32,
    great: u64,
}

fn main() {}
