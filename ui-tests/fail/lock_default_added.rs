use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved")]
struct Moved {
    from: String,
    to: Option<u32>,
    #[field(default)]
    steps: u16,
}

fn main() {}
