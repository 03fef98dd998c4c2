use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
struct Moved<'a> {
    to: &'a str,
}

fn main() {}
