use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.signed", historical)]
struct Old {
    by: String,
}

fn send(old: &Old) {
    synckit::event::encode(old).unwrap();
}

fn main() {}
