//! Canonical JSON of what serde knows.

use std::fmt::{Debug, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::{JSON_BYTES_MAX, JSON_DEPTH_MAX, JsonValue};
use crate::wire::WireError;

/// Numbers from here on have an exponent: 2^53.
const PLAIN_MAX: f64 = 9_007_199_254_740_992.0;
/// The least number without an exponent.
const PLAIN_MIN: f64 = 1e-5;

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Clone + Debug + PartialEq> JsonValue for T {
    fn to_text(&self) -> Result<Vec<u8>, WireError> {
        let value = serde_json::to_value(self).map_err(refused)?;
        let text = canonical(&value)?;
        // Some types write what they do not read, and numbers that are none become `null`.
        let is_read = serde_json::from_slice::<T>(text.as_bytes()).is_ok();
        match serde_json::from_value::<T>(value) {
            Ok(same) if is_read && same == *self => Ok(text.into_bytes()),
            _ => Err(refused("its JSON is not read as the same value")),
        }
    }

    fn of_text(text: &[u8]) -> Result<Self, WireError> {
        if text.len() > JSON_BYTES_MAX {
            return Err(too_long());
        }
        let value: Value = serde_json::from_slice(text).map_err(refused)?;
        if canonical(&value)?.as_bytes() != text {
            return Err(WireError::Invalid { expected: "JSON in its canonical form" });
        }
        serde_json::from_slice(text).map_err(refused)
    }
}

fn refused(why: impl ToString) -> WireError {
    WireError::Unconverted { reason: why.to_string() }
}

fn too_long() -> WireError {
    refused(format!("its JSON is longer than {JSON_BYTES_MAX} bytes"))
}

fn canonical(value: &Value) -> Result<String, WireError> {
    let mut text = String::new();
    write(value, &mut text, 0)?;
    if text.len() > JSON_BYTES_MAX { Err(too_long()) } else { Ok(text) }
}

fn write(value: &Value, out: &mut String, depth: usize) -> Result<(), WireError> {
    if depth > JSON_DEPTH_MAX {
        return Err(WireError::TooDeep);
    }
    if out.len() > JSON_BYTES_MAX {
        return Err(too_long());
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_text(text, out)?,
        Value::Array(items) => {
            enclosed(['[', ']'], items.iter().map(|item| (None, item)), out, depth)?;
        }
        Value::Object(entries) => {
            // Another crate may have serde_json keep the order of insertion.
            let mut entries: Vec<_> = entries.iter().map(|(key, item)| (Some(key), item)).collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            enclosed(['{', '}'], entries.into_iter(), out, depth)?;
        }
    }
    Ok(())
}

fn enclosed<'a>(
    [open, close]: [char; 2],
    items: impl Iterator<Item = (Option<&'a String>, &'a Value)>,
    out: &mut String,
    depth: usize,
) -> Result<(), WireError> {
    out.push(open);
    for (index, (key, item)) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if let Some(key) = key {
            write_text(key, out)?;
            out.push(':');
        }
        write(item, out, depth + 1)?;
    }
    out.push(close);
    Ok(())
}

fn write_text(text: &str, out: &mut String) -> Result<(), WireError> {
    out.push_str(&serde_json::to_string(text).map_err(refused)?);
    Ok(())
}

/// Integers of up to 64 bits as they are; others without a fraction when they have none, and with an
/// exponent when they are very small or very great. There is one zero.
fn write_number(number: &Number, out: &mut String) -> Result<(), WireError> {
    let written = match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(whole), ..) => write!(out, "{whole}"),
        (_, Some(whole), _) => write!(out, "{whole}"),
        (_, _, Some(0.0)) => write!(out, "0"),
        (_, _, Some(number)) if (PLAIN_MIN..PLAIN_MAX).contains(&number.abs()) => {
            write!(out, "{number}")
        }
        (_, _, Some(number)) if number.is_finite() => write!(out, "{number:e}"),
        _ => return Err(refused("a number is too great")),
    };
    written.map_err(refused)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::event::{self, SyncEvent as _};

    #[test]
    fn a_text_is_canonical() {
        let value = json!({
            "b": [1, -2.5, 1e300, 0.000_001, 3.0, null],
            "a": { "z": true, "ä": "\n\u{7f}" },
        });
        let text = "{\"a\":{\"z\":true,\"ä\":\"\\n\u{7f}\"},\"b\":[1,-2.5,1e300,1e-6,3,null]}";
        assert_eq!(written(&value), text);
    }

    #[test]
    fn numbers_have_one_form() {
        let two_to_53 = 9_007_199_254_740_992.0;
        let numbers = [0.0, -0.0, 1.0, 0.1, 1e15, two_to_53, 1e22, 1.5e-7, f64::MAX];
        let texts = [
            "0",
            "0",
            "1",
            "0.1",
            "1000000000000000",
            "9.007199254740992e15",
            "1e22",
            "1.5e-7",
            "1.7976931348623157e308",
        ];
        assert_eq!(numbers.map(|number| written(&number)), texts);
        assert_eq!(written(&u64::MAX), "18446744073709551615");
        assert_eq!(written(&i64::MIN), "-9223372036854775808");
        for bits in (0..10_000u64).map(|step| step.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let number = f64::from_bits(bits);
            if number.is_finite() {
                assert_eq!(f64::of_text(&number.to_text().unwrap()), Ok(number), "{bits:x}");
            }
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let texts = [
            "1.0",
            "1e0",
            "1E2",
            "-0",
            "01",
            " 1",
            "1 ",
            "\"\\u0061\"",
            "\"\\/\"",
            "{\"a\":1,\"a\":1}",
            "{\"b\":1,\"a\":1}",
            "[1, 2]",
            "",
            "nul",
            "1e400",
        ];
        for text in texts {
            assert!(Value::of_text(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_would_not_be_read_again_is_refused() {
        refused(&f64::NAN);
        refused(&f64::INFINITY);
        refused(&BTreeMap::from([((1, 2), 3)]));
        refused(&Some(None::<u8>));
        refused(&u128::MAX);
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let longest = "a".repeat(JSON_BYTES_MAX - 2);
        assert_eq!(longest.to_text().unwrap().len(), JSON_BYTES_MAX);
        refused(&format!("{longest}a"));
        let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let deepest = nested(JSON_DEPTH_MAX);
        assert_eq!(Value::of_text(&deepest.to_text().unwrap()), Ok(deepest));
        assert_eq!(nested(JSON_DEPTH_MAX + 1).to_text(), Err(WireError::TooDeep));
        assert!(Value::of_text("[".repeat(10_000).as_bytes()).is_err());
    }

    #[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
    #[serde(tag = "type")]
    enum Shape {
        Point { coordinates: (f64, f64) },
        Line { coordinates: Vec<(f64, f64)> },
    }

    #[derive(crate::SyncEvent, Clone, Debug, PartialEq)]
    #[event(name = "field.drawn", lock = none, crate = crate)]
    struct Drawn {
        by: String,
        #[field(as = "json", schema = "geojson.Geometry@2")]
        shape: Shape,
        #[field(as = "json", schema = "notes@1", default)]
        notes: BTreeMap<String, Vec<Option<u8>>>,
    }

    #[test]
    fn a_field_of_an_event_is_json() {
        let shape = Shape::Line { coordinates: vec![(51.5, -0.125), (52.0, 0.0)] };
        let notes = BTreeMap::from([("a".to_owned(), vec![None, Some(1)])]);
        let drawn = Drawn { by: "ann".to_owned(), shape, notes };
        let encoded = event::encode(&drawn).unwrap();
        let text = String::from_utf8_lossy(&encoded.payload).into_owned();
        let json = "{\"coordinates\":[[51.5,-0.125],[52,0]],\"type\":\"Line\"}";
        assert!(text.contains(json) && text.ends_with("{\"a\":[null,1]}"), "{text:?}");
        assert_eq!(event::decode(&encoded.event, &encoded.payload), Ok(drawn));
        let shapes = Drawn::KINDS[0].fields.iter().map(|field| field.shape.to_string());
        assert_eq!(shapes.collect::<Vec<_>>(), ["string", "geojson.Geometry@2", "notes@1"]);
    }

    #[test]
    fn an_event_whose_json_cannot_be_read_again_is_not_recorded() {
        let shape = Shape::Point { coordinates: (f64::NAN, 0.0) };
        let drawn = Drawn { by: String::new(), shape, notes: BTreeMap::new() };
        let refused = event::encode(&drawn).unwrap_err().to_string();
        assert!(refused.contains("the value cannot be converted: "), "{refused}");
    }

    fn written<T: JsonValue>(value: &T) -> String {
        String::from_utf8(value.to_text().unwrap()).unwrap()
    }

    #[track_caller]
    fn refused<T: JsonValue + Debug>(value: &T) {
        let text = value.to_text();
        assert!(matches!(text, Err(WireError::Unconverted { .. })), "{value:?}: {text:?}");
    }
}
