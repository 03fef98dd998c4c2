use synckit::SyncValue;

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Colour {
    Red { depth: u8 },
    #[value(other)]
    Unheard(u32),
}

fn main() {}
