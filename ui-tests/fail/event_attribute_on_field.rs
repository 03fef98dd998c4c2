use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
struct Signed {
    #[event(name = "by")]
    by: String,
}

fn main() {}
