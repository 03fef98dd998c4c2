//! The additions of locks to the expansion work under another crate name, inside a function, and
//! beside other derives.
#![deny(warnings)]

extern crate synckit as other;

// Whoever takes the default path now fails.
mod synckit {}

use other::event::{decode, encode};

fn main() {
    use other::{SyncEvent, UpcastError};

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "trip.signed", historical, crate = other)]
    struct SignedV1 {
        by: String,
    }

    #[derive(PartialEq, Clone)]
    #[derive(SyncEvent, Debug)]
    #[event(name = "trip.signed", version = 2, lock = required, crate = other)]
    #[upcast(from = SignedV1, with = signed, was = "convert")]
    struct Signed {
        by: u32,
    }

    fn signed(old: SignedV1) -> Result<Signed, UpcastError> {
        let by = old.by.parse().map_err(|_| UpcastError::new("the name is no number"))?;
        Ok(Signed { by })
    }

    let written = encode(&Signed { by: 7 }).unwrap();
    let read: Signed = decode(&written.event, &written.payload).unwrap();
    assert_eq!(read, Signed { by: 7 });
    assert_eq!(signed(SignedV1 { by: "7".into() }).unwrap(), read);
}
