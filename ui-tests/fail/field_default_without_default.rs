use synckit::SyncEvent;

#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]
struct Author {
    name: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.new")]
struct Moved {
    #[field(default)]
    by: Author,
}

fn main() {}
