use synckit::event::encode;
use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field(0)]
    x: i64,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "moved")]
struct Moved {
    to: Point,
    via: Vec<Point>,
}

fn main() {
    encode(&Moved { to: Point { x: 1 }, via: vec![] }).unwrap();
}
