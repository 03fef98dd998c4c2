use synckit::SyncEvent;

mod text {
    pub type Value = usize;

    pub fn to_value(text: &u32) -> Value {
        *text as usize
    }

    pub fn from_value(value: Value) -> Result<u32, String> {
        value.try_into().map_err(|_| "too great".to_owned())
    }
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "paid")]
struct Paid {
    #[field(with = text)]
    by: u32,
}

fn main() {}
