use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug)]
struct Point {
    x: i64,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    at: Point,
    before: Option<Point>,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "note")]
enum NoteEvent {
    Moved(Point),
    Paid { at: Point, then: Vec<Point> },
}

fn main() {}
