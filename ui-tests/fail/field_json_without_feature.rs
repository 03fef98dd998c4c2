use synckit::SyncEvent;

#[derive(Clone, Debug, PartialEq)]
struct Shape;

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    #[field(as = "json", schema = "geojson@1")]
    shape: Shape,
}

fn main() {}
