use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.sent")]
struct Sent {
    to: String,
    at: u64,
    copies: Vec<String>,
}

fn main() {}
