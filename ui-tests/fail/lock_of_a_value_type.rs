use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "barometer")]
struct Moved {
    from: String,
}

fn main() {}
