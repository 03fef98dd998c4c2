use synckit::SyncEvent;

type Place = std::boxed::Box<i64>;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.moved", version = 2)]
struct Moved {
    from: String,
    to: Option<u32>,
    steps: u16,
    via: Place,
}

fn main() {}
