use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: u16,
    via: Option<String>,
}

fn main() {}
