use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.renamed")]
struct Moved {
    from: String,
}

fn main() {}
