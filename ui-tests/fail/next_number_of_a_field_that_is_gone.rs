use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.sent", version = 3)]
struct Sent {
    to: String,
    at: u64,
    copies: Vec<String>,
    #[field(3)]
    cc: Option<String>,
}

fn main() {}
