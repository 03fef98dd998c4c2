use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(version = 2)]
enum Weather {
    Fair,
    Foul,
}

fn main() {}
