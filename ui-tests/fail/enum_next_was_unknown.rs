use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
#[value(version = 2)]
enum Temper {
    Good,
    Bad,
    #[value(was = "Medium")]
    Mixed,
}

fn main() {}
