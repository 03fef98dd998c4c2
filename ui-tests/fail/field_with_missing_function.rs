use synckit::SyncEvent;

mod text {
    pub type Value = String;

    pub fn to_value(text: &u32) -> Value {
        text.to_string()
    }
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    #[field(with = text)]
    by: u32,
}

fn main() {}
