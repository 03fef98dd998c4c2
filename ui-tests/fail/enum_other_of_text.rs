use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Colour {
    Red,
    #[value(other)]
    Unheard(String),
}

fn main() {}
