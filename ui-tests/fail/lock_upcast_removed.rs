use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.paid", version = 2)]
struct Paid {
    amount: u32,
}

fn main() {}
