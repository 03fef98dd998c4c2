use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "synckit")]
enum Control {
    Refused,
    #[event(name = "synckit.redated")]
    Redated,
}

fn main() {}
