//! Events of every version are read as the newest one, through a chain of conversions.
#![deny(warnings)]

use synckit::event::{DecodeError, EventRef, decode, encode};
use synckit::id::Name;
use synckit::wire::{Field, Writer};
use synckit::{SyncEvent, SyncValue, UpcastError};

#[derive(SyncValue, Clone, Debug, PartialEq)]
enum Temper {
    Good,
    Bad,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.chained", historical)]
struct First {
    by: String,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "trip.chained", version = 2, historical)]
#[upcast(from = First, with = counted)]
struct Second {
    by: u32,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip.chained", version = 3)]
#[upcast(from = Second)]
struct Third {
    by: Temper,
}

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "family")]
enum Family {
    Other,
    #[event(flatten)]
    Third(Third),
}

fn counted(old: First) -> Result<Second, UpcastError> {
    match old.by.as_str() {
        "" => Err(UpcastError::new("nobody signed it")),
        by => Ok(Second { by: by.len() as u32 }),
    }
}

impl From<Second> for Third {
    fn from(old: Second) -> Self {
        Self { by: if old.by > 3 { Temper::Good } else { Temper::Bad } }
    }
}

fn main() {
    let written = |version, value: &dyn Fn(&mut Writer)| {
        let name = Name::new("trip.chained").unwrap();
        let mut out = Writer::new();
        value(&mut out);
        (EventRef { name, version, min_reader: version }, out.finish().unwrap())
    };
    let (event, payload) = written(1, &|out| "anna".to_owned().write_field(1, out));
    assert_eq!(decode::<Third>(&event, &payload).unwrap(), Third { by: Temper::Good });
    assert!(matches!(decode::<Family>(&event, &payload).unwrap(), Family::Third(_)));
    let (event, payload) = written(2, &|out| 3u32.write_field(1, out));
    assert_eq!(decode::<Third>(&event, &payload).unwrap(), Third { by: Temper::Bad });
    let third = encode(&Third { by: Temper::Bad }).unwrap();
    assert_eq!(decode::<Third>(&third.event, &third.payload).unwrap(), Third { by: Temper::Bad });
    assert_eq!((third.event.version, third.event.min_reader), (3, 3));

    let (event, payload) = written(1, &|out| String::new().write_field(1, out));
    let refused = decode::<Third>(&event, &payload).unwrap_err();
    assert!(matches!(refused, DecodeError::Upcast { version: 1, .. }), "{refused}");
    assert!(refused.to_string().ends_with("nobody signed it"), "{refused}");
    assert!(matches!(Family::Other, Family::Other));
}
