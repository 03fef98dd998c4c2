use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip")]
enum NoteEvent {
    #[upcast(from = Old, with = convert)]
    Created,
}

fn main() {}
