//! Identifiers and cursors as serde writes them: as they are printed, and read again as they were.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::aggregate::{Aggregate, Id};
use crate::id::{AggregateId, Key};
use crate::merge::SequenceCursor;

fn read<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(input: D) -> Result<T, D::Error> {
    String::deserialize(input)?.parse().map_err(D::Error::custom)
}

macro_rules! as_printed {
    ($(($($bound:tt)*) $id:ty),*) => {$(
        impl<$($bound)*> Serialize for $id {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de, $($bound)*> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                read(input)
            }
        }
    )*};
}
as_printed!(() Key, () AggregateId, (A: Aggregate) Id<A>, () SequenceCursor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_text_and_text_that_is_no_key_is_refused() {
        let key = Key::new(&[0xff; 16]).unwrap();
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"");
        assert_eq!(serde_json::from_str::<Key>(&text).unwrap(), key);
        let refused = serde_json::from_str::<AggregateId>("\"note\"").unwrap_err();
        assert!(refused.to_string().contains("as it was printed"), "{refused}");
    }

    #[test]
    fn a_cursor_is_text_and_text_that_is_no_cursor_is_refused() {
        let beside = format!("<{}/7/0/3", "5a".repeat(32));
        for printed in [beside.as_str(), "beginning", "end"] {
            let text = format!("{printed:?}");
            let cursor: SequenceCursor = serde_json::from_str(&text).unwrap();
            assert_eq!(cursor.to_string(), printed);
            assert_eq!(serde_json::to_string(&cursor).unwrap(), text);
        }
        for mistaken in ["\"<5a/7/0/3\"", "\"middle\"", "7"] {
            assert!(serde_json::from_str::<SequenceCursor>(mistaken).is_err(), "{mistaken}");
        }
    }
}
