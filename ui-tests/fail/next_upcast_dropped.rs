use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.paid", version = 3)]
struct Paid {
    amount: u32,
    note: Option<String>,
}

fn main() {}
