use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved", version = 2)]
struct Moved {
    from: String,
    steps: u16,
    #[field(2)]
    via: Option<String>,
}

fn main() {}
