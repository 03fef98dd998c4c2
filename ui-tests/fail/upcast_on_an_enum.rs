use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip")]
#[upcast(from = Old, with = convert)]
enum NoteEvent {
    Created,
}

fn main() {}
