use synckit::SyncEvent;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
struct Moved<const N: usize> {
    to: [u8; N],
}

fn main() {}
