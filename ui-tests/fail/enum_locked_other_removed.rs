use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Weather {
    Fair,
    Foul,
}

fn main() {}
