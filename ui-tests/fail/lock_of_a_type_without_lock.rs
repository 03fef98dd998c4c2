use synckit::{SyncEvent, SyncValue};

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Word {
    text: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.spoken")]
struct Spoken {
    word: Word,
}

fn main() {}
