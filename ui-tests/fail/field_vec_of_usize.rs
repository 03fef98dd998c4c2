use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "moved")]
enum Moved {
    To(Vec<usize>),
}

fn main() {}
