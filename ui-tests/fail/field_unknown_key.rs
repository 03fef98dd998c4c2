use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Point {
    #[field(rename = "abscissa")]
    x: i64,
}

fn main() {}
