use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
    #[value(7)]
    Bad,
}

fn main() {}
