//! Samples of converted events: a lock names a function, and samples hold it to what it does.
//!
//! A sample is an event of an older version and its payload after conversion. Once in a lock it
//! stays there, and later versions carry it on, so neither a changed function nor another choice of
//! samples goes unnoticed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::model::{Item, Version};
use crate::{parse, shape};

/// An event of an older version. Its text is `1 0a01 is 0802`, or `1 0a01 refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The version that it is of.
    pub version: u32,
    /// Its payload.
    pub payload: Vec<u8>,
    /// The payload that it is converted to; `None` when the function refuses it.
    pub converted: Option<Vec<u8>>,
}

impl Sample {
    /// True if it is of the same event as another one, with another result.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        (self.version, &self.payload) == (other.version, &other.payload)
            && self.converted != other.converted
    }
}

/// A text is no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASample;

/// A sample that is converted to something else than the lock has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The field that differs; `None` when the event is refused, or no longer.
    pub field: Option<String>,
    /// The locked sample.
    pub sample: Sample,
    /// The payload that it is converted to now.
    pub found: Option<Vec<u8>>,
}

/// The first sample of a locked version that another has with another result. Of a version that
/// follows it, fields are compared that can be read as what they were.
pub(crate) fn changed(held: &Version, wanted: &Version) -> Option<Changed> {
    held.samples.iter().find_map(|sample| {
        let same =
            |other: &&Sample| (other.version, &other.payload) == (sample.version, &sample.payload);
        let found = wanted.samples.iter().find(same)?;
        let field = match (&sample.converted, &found.converted) {
            (None, None) => return None,
            (Some(before), Some(after)) => Some(differing(held, before, wanted, after)?),
            _ => None,
        };
        Some(Changed { field, sample: sample.clone(), found: found.converted.clone() })
    })
}

/// The name of the first field that differs.
fn differing(held: &Version, before: &[u8], wanted: &Version, after: &[u8]) -> Option<String> {
    let (before, after) = (fields(before), fields(after));
    let differs = |item: &&Item| {
        let was = held.item(item.slot).and_then(|was| was.shape.as_deref());
        let (Some(was), Some(shape)) = (was, item.shape.as_deref()) else { return false };
        let (before, after) = (before.of(item), after.of(item));
        // What was absent has become the default of a field that is always there.
        let is_default = before.is_empty() && !shape::may_be_absent(shape);
        shape::follows(was, shape, item.default)
            && !is_default
            && before != after
            && (shape::named(was).eq(shape::named(shape)) || !are_alike(before, after))
    };
    wanted.items.iter().find(differs).map(|item| item.name.clone())
}

/// Contents of the fields of a message, by number.
struct Contents<'a>(BTreeMap<u32, Vec<&'a [u8]>>);

impl<'a> Contents<'a> {
    fn of(&self, item: &Item) -> &[&'a [u8]] {
        self.0.get(&item.slot.number).map(Vec::as_slice).unwrap_or_default()
    }
}

fn fields(message: &[u8]) -> Contents<'_> {
    let mut fields = BTreeMap::<_, Vec<_>>::new();
    let mut rest = message;
    while let Some((number, start, length)) = field(rest) {
        let (field, after) = rest.split_at(length);
        fields.entry(number).or_default().push(&field[start..]);
        rest = after;
    }
    Contents(fields)
}

/// True if values of a value type are the same, as far as both of its versions have fields.
fn are_alike(before: &[&[u8]], after: &[&[u8]]) -> bool {
    let is_alike = |(before, after): (&&[u8], &&[u8])| {
        if before == after || before.is_empty() || after.is_empty() {
            return true;
        }
        let (Contents(before), Contents(after)) = (fields(before), fields(after));
        let mut shared = before.keys().filter(|number| after.contains_key(number)).peekable();
        shared.peek().is_some() && shared.all(|number| are_alike(&before[number], &after[number]))
    };
    before.len() == after.len() && before.iter().zip(after).all(is_alike)
}

/// The number of the first field, the place of its content, and its length; `None` at the end, and where
/// there is none.
fn field(bytes: &[u8]) -> Option<(u32, usize, usize)> {
    let (tag, start) = varint(bytes)?;
    let rest = bytes.get(start..)?;
    let (prefix, content) = match tag & 7 {
        0 => (0, varint(rest)?.1),
        1 => (0, 8),
        2 => {
            let (length, prefix) = varint(rest)?;
            (prefix, usize::try_from(length).ok()?)
        }
        5 => (0, 4),
        _ => return None,
    };
    let start = start + prefix;
    let length = start.checked_add(content).filter(|length| *length <= bytes.len())?;
    Some((u32::try_from(tag >> 3).ok()?, start, length))
}

fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Bytes as locks have them; `-` for none.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, NotASample> {
    if text == "-" {
        return Ok(Vec::new());
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(NotASample),
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(NotASample);
    }
    pairs.iter().map(|[high, low]| Ok(digit(*high)? << 4 | digit(*low)?)).collect()
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.version, hexadecimal(&self.payload))?;
        match &self.converted {
            Some(converted) => write!(f, "is {}", hexadecimal(converted)),
            None => f.write_str("refused"),
        }
    }
}

impl FromStr for Sample {
    type Err = NotASample;

    fn from_str(text: &str) -> Result<Self, NotASample> {
        let words: Vec<_> = text.split(' ').collect();
        let (version, payload, converted) = match words.as_slice() {
            [version, payload, "is", converted] => (version, payload, Some(bytes(converted)?)),
            [version, payload, "refused"] => (version, payload, None),
            _ => return Err(NotASample),
        };
        let version = parse::number(version).map_err(|_| NotASample)?;
        Ok(Self { version, payload: bytes(payload)?, converted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Slot;

    #[test]
    fn samples_are_read_as_they_are_printed() {
        for text in ["1 0a01 is 0802", "12 - is -", "2 ff refused"] {
            assert_eq!(text.parse::<Sample>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1 0a", "01 0a refused", "1 0 refused", "1 0A refused", "1 0a was 0b"]
        {
            assert_eq!(text.parse::<Sample>(), Err(NotASample), "{text}");
        }
    }

    #[test]
    fn the_field_that_differs_is_named() {
        let held = version(&["u32", "string"], "1 0801 is 0801120161");
        let of = |sample| changed(&held, &version(&["u32", "string"], sample));
        assert_eq!(of("1 0801 is 0801120161"), None);
        assert_eq!(of("1 0802 is 0802120162"), None, "another sample");
        let found = of("1 0801 is 0801120162").unwrap();
        assert_eq!(found.field.as_deref(), Some("field_2"));
        assert_eq!(of("1 0801 refused").unwrap().field, None);
    }

    #[test]
    fn of_later_versions_only_fields_that_stay_are_compared() {
        let held = version(&["u32", "string"], "1 0801 is 0801120161");
        let another = version(&["list string", "string", "u32"], "1 0801 is 0a016412016118ff01");
        assert_eq!(changed(&held, &another), None);
        for wider in ["u64", "optional u32"] {
            let same = version(&[wider, "string", "u32"], "1 0801 is 080112016118ff01");
            assert_eq!(changed(&held, &same), None, "{wider}");
            let changed = changed(&held, &version(&[wider, "string"], "1 0801 is 0864120161"));
            assert_eq!(changed.unwrap().field.as_deref(), Some("field_1"), "{wider}");
        }
    }

    #[test]
    fn values_of_later_versions_are_compared_as_far_as_both_have_fields() {
        let held = version(&["Spot@1#0000000000000001"], "1 0801 is 0a0408011002");
        let later = ["optional Spot@2#0000000000000002"];
        let of = |sample| changed(&held, &version(&later, sample));
        assert_eq!(of("1 0801 is 0a0608011002180a"), None, "another field");
        for other in ["1 0801 is 0a0608011003180a", "1 0801 is 0a02180a", "1 0801 is -"] {
            assert_eq!(of(other).unwrap().field.as_deref(), Some("field_1"), "{other}");
        }
        let same = version(&["Spot@1#0000000000000001"], "1 0801 is 0a0608011002180a");
        assert!(changed(&held, &same).is_some(), "of the same version");
    }

    #[test]
    fn what_was_absent_may_become_the_default() {
        let held = version(&["optional u32"], "1 - is -");
        let mut required = version(&["u32"], "1 - is 0800");
        required.items[0].default = true;
        assert_eq!(changed(&held, &required), None);
        assert!(changed(&held, &version(&["optional u32"], "1 - is 0800")).is_some());
    }

    #[test]
    fn payloads_that_are_cut_off_have_the_fields_before() {
        assert_eq!(fields(&[0x08, 0x01, 0x12, 0x05, 0x61]).0.len(), 1);
        assert_eq!(fields(&[0xff; 12]).0.len(), 0);
        let longest = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(fields(&longest).0.len(), 0);
    }

    fn version(shapes: &[&str], sample: &str) -> Version {
        let item = |(number, shape): (u32, &&str)| Item {
            slot: Slot::of(None, number),
            name: format!("field_{number}"),
            shape: Some((*shape).to_owned()),
            ..Item::default()
        };
        Version {
            number: 2,
            samples: vec![sample.parse().unwrap()],
            items: (1..).zip(shapes).map(item).collect(),
            ..Version::default()
        }
    }
}
