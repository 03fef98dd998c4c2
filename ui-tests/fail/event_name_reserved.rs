use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "synckit.refused")]
struct Refused;

fn main() {}
