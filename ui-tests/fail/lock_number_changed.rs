use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    #[field(7)]
    from: String,
    to: Option<u32>,
    steps: u16,
}

fn main() {}
