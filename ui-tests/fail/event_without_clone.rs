use synckit::SyncEvent;

#[derive(SyncEvent, Debug)]
#[event(name = "note")]
struct Signed;

fn main() {}
