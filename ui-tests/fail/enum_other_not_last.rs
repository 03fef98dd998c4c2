use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Mood {
    Good,
    #[value(other)]
    Unheard(u32),
    Bad,
}

fn main() {}
