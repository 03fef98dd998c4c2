use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip")]
enum NoteEvent {
    Created,
    Moved { from: String, to: Option<u32> },
    #[event(version = 2)]
    Sent { to: String, at: u32, copies: Vec<String> },
}

fn main() {}
