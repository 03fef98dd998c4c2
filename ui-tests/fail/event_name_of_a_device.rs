use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "con.opened")]
struct Opened;

fn main() {}
