use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.noted", version = 2)]
struct Noted {
    by: String,
    remark: Option<String>,
}

fn main() {}
