//! Fields of events and values may be conditional: what is not compiled is not there.
#![deny(warnings)]

use synckit::{SyncEvent, SyncValue};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "conditional.paid")]
struct Paid {
    by: String,
    #[cfg(any())]
    gone: std::collections::HashMap<String, usize>,
    #[cfg(all())]
    cents: u32,
    #[cfg_attr(all(), field(default))]
    rate: u16,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Height {
    Low,
    #[cfg(any())]
    Middle,
    #[cfg_attr(all(), value(7))]
    High,
}

fn main() {
    let paid = Paid { by: "ada".into(), cents: 1, rate: 2 };
    synckit::event::encode(&paid).unwrap();
    let names: Vec<_> = Paid::KINDS[0].fields.iter().map(|field| (field.number, field.name)).collect();
    assert_eq!(names, [(1, "by"), (2, "cents"), (3, "rate")]);
    assert!(Paid::KINDS[0].fields[2].default);
    assert_ne!(Height::Low, Height::High);
}
