use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    #[field(9)]
    from: u32,
    to: Vec<u32>,
    pace: u16,
}

fn main() {}
