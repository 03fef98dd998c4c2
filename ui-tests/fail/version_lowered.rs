use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.sent", version = 1)]
struct Sent {
    to: String,
    at: u32,
    cc: Option<String>,
}

fn main() {}
