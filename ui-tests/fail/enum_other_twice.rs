use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Colour {
    Red,
    #[value(other)]
    Unheard(u32),
    #[value(other)]
    Unseen(u32),
}

fn main() {}
