use synckit::SyncEvent;

mod text {
    pub type Value = String;

    pub fn to_value(text: &String) -> Value {
        text.clone()
    }

    pub fn from_value(value: Value) -> Result<String, String> {
        Ok(value)
    }
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    #[field(with = text)]
    by: u32,
}

fn main() {}
