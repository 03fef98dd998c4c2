use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.new")]
struct Moved {
    #[field(was = 3)]
    by: u32,
}

fn main() {}
