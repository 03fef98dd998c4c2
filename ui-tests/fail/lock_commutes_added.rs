use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.crossed", commutes)]
struct Crossed {
    left: u32,
    right: u32,
}

fn main() {}
