//! Numbers count on from the one before; bytes are ascending whatever the order of declaration.
#![deny(warnings, missing_docs)]

use synckit::event::encode;
use synckit::wire::decode;
use synckit::{SyncEvent, SyncValue};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "numbered")]
struct Numbered {
    first: u32,
    #[field(5)]
    fifth: u32,
    sixth: u32,
    #[field(2)]
    second: u32,
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Backwards(#[field(2)] u32, #[field(1)] String, #[field(536870911)] bool);

fn main() {
    let numbers: Vec<_> =
        Numbered::KINDS[0].fields.iter().map(|field| (field.number, field.name)).collect();
    assert_eq!(numbers, [(1, "first"), (2, "second"), (5, "fifth"), (6, "sixth")]);
    let event = Numbered { first: 11, fifth: 15, sixth: 16, second: 12 };
    let payload = encode(&event).unwrap().payload;
    assert_eq!(payload.as_ref(), [0x08, 11, 0x10, 12, 0x28, 15, 0x30, 16]);

    let value = Backwards(7, "x".into(), true);
    let bytes = synckit::wire::encode(&value).unwrap();
    assert_eq!(bytes[..5], [0x0a, 1, b'x', 0x10, 7]);
    assert_eq!(decode::<Backwards>(&bytes), Ok(value));
}
