use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
    #[value(was = "Bad")]
    Poor,
}

fn main() {}
