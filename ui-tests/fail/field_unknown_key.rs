use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field(was = "abscissa")]
    x: i64,
}

fn main() {}
