//! Types that are no values are converted by a module.

use std::path::PathBuf;
use std::rc::Rc;

use synckit::event::{decode, encode};
use synckit::{SyncEvent, SyncValue};

/// A type of another crate: no value, and not one that could be.
#[derive(Clone, Debug, PartialEq, Default)]
struct Degrees(f64, f64);

mod degrees {
    use super::Degrees;

    pub type Value = Vec<i64>;

    pub fn to_value(degrees: &Degrees) -> Value {
        [degrees.0, degrees.1].map(|degrees| (degrees * 1e7) as i64).to_vec()
    }

    pub fn from_value(value: Value) -> Result<Degrees, String> {
        match value.as_slice() {
            [lat, long] => Ok(Degrees(*lat as f64 / 1e7, *long as f64 / 1e7)),
            other => Err(format!("expected two numbers, found {}", other.len())),
        }
    }
}

mod path {
    use std::path::PathBuf;

    pub type Value = Option<String>;

    pub fn to_value(path: &Option<PathBuf>) -> Value {
        path.as_ref().map(|path| path.to_string_lossy().into_owned())
    }

    pub fn from_value(value: Value) -> Result<Option<PathBuf>, std::convert::Infallible> {
        Ok(value.map(PathBuf::from))
    }
}

mod shared {
    use std::rc::Rc;

    pub type Value = String;

    pub fn to_value(text: &Rc<str>) -> Value {
        text.to_string()
    }

    pub fn from_value(value: Value) -> Result<Rc<str>, std::convert::Infallible> {
        Ok(value.into())
    }
}

#[derive(SyncValue, Clone, Debug, PartialEq)]
struct Place(#[field(with = degrees)] Degrees);

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip.begun_at")]
struct Begun {
    at: Place,
    #[field(with = self::path)]
    file: Option<PathBuf>,
    #[field(7, with = degrees, default)]
    towards: Degrees,
}

#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "trip")]
enum Trip {
    Passed(#[field(with = degrees)] Degrees),
    Named {
        #[field(with = shared)]
        name: Rc<str>,
    },
}

fn main() {
    let degrees = Degrees(51.5, -0.125);
    let begun = Begun { at: Place(degrees.clone()), file: Some("a/b".into()), towards: degrees.clone() };
    let encoded = encode(&begun).unwrap();
    assert_eq!(decode::<Begun>(&encoded.event, &encoded.payload), Ok(begun));
    for trip in [Trip::Passed(degrees), Trip::Named { name: "Ridge".into() }] {
        let encoded = encode(&trip).unwrap();
        assert_eq!(decode::<Trip>(&encoded.event, &encoded.payload), Ok(trip));
    }
    // One number is refused by the module, and the event is parked with what it says.
    let mut passed = encode(&Trip::Passed(Degrees(1.0, 1.0))).unwrap();
    passed.payload = vec![0x0a, 1, 2].into();
    let refused = decode::<Trip>(&passed.event, &passed.payload).unwrap_err().to_string();
    assert!(refused.contains("expected two numbers, found 1"), "{refused}");
    assert_eq!(Trip::KINDS[0].fields[0].shape.to_string(), "list i64");
    assert_eq!(Trip::KINDS[0].fields[0].with, Some("degrees"));
}
