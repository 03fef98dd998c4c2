use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: [u8; 16],
    to: Option<u32>,
    steps: u16,
}

fn main() {}
