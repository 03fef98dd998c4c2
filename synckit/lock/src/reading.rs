//! Readings of converted fields: a lock names the module, and readings hold it to what it makes of values.
//!
//! A reading is a value as it is written and a hash over what the module reads in it. Once in a lock it
//! stays there, and later versions carry it on, as [samples](crate::Sample) are.

use std::fmt;
use std::str::FromStr;

use crate::fingerprint::{Fingerprint, Identity};
use crate::model::{Slot, Version};
use crate::sample::{NotASample, bytes, hexadecimal};

/// A value of a field. Its text is `3 0802 as 9c1f0a6f0b2e9c44`, or `3 0802 refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReading {
    /// The field.
    pub slot: Slot,
    /// The value, written as field 1 of a message.
    pub payload: Vec<u8>,
    /// The hash over what the module makes of it, as `Debug` shows it; `None` when it refuses it.
    pub read: Option<Identity>,
}

impl FieldReading {
    /// Of a value, and of what it is read as.
    pub fn of(slot: Slot, payload: Vec<u8>, shown: Option<&str>) -> Self {
        let hash = |shown: &str| {
            let mut hash = Fingerprint::new();
            hash.add(shown);
            hash.identity()
        };
        Self { slot, payload, read: shown.map(hash) }
    }

    /// True if it is of the same value as another one, with another result.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        (self.slot, &self.payload) == (other.slot, &other.payload) && self.read != other.read
    }
}

/// The first reading of a locked version that another has with another result, for the same revision of the
/// same module.
pub(crate) fn changed<'a>(held: &'a Version, wanted: &Version) -> Option<&'a FieldReading> {
    let module = |version: &Version, slot| version.item(slot).and_then(|item| item.with.clone());
    held.readings.iter().find(|reading| {
        let same = |other: &&FieldReading| {
            (other.slot, &other.payload) == (reading.slot, &reading.payload)
        };
        let found = wanted.readings.iter().find(same);
        let is_kept = module(held, reading.slot) == module(wanted, reading.slot);
        is_kept && found.is_some_and(|found| found.read != reading.read)
    })
}

impl fmt::Display for FieldReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.slot, hexadecimal(&self.payload))?;
        match self.read {
            Some(hash) => write!(f, "as {hash}"),
            None => f.write_str("refused"),
        }
    }
}

impl FromStr for FieldReading {
    type Err = NotASample;

    fn from_str(text: &str) -> Result<Self, NotASample> {
        let words: Vec<_> = text.split(' ').collect();
        let (slot, payload, read) = match words.as_slice() {
            [slot, payload, "as", hash] => {
                (slot, payload, Some(hash.parse().map_err(|_| NotASample)?))
            }
            [slot, payload, "refused"] => (slot, payload, None),
            _ => return Err(NotASample),
        };
        let slot = slot.parse().map_err(|_| NotASample)?;
        Ok(Self { slot, payload: bytes(payload)?, read })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;

    #[test]
    fn readings_are_read_as_they_are_printed() {
        for text in ["1 0802 as 00000000000000ff", "2.1 - refused"] {
            assert_eq!(text.parse::<FieldReading>().unwrap().to_string(), text);
        }
        for text in ["", "1 0802", "1 0802 as ff", "1 0802 is 00000000000000ff", "x 0802 refused"] {
            assert_eq!(text.parse::<FieldReading>(), Err(NotASample), "{text}");
        }
    }

    #[test]
    fn another_result_is_found_while_the_module_is_the_same() {
        let held = version("degrees", Some("2.0"));
        assert_eq!(changed(&held, &version("degrees", Some("2.0"))), None);
        let found = Some(&held.readings[0]);
        assert_eq!(changed(&held, &version("degrees", Some("0.2"))), found);
        assert_eq!(changed(&held, &version("degrees", None)), found);
        assert_eq!(changed(&held, &version("degrees@1", Some("0.2"))), None);
    }

    fn version(with: &str, shown: Option<&str>) -> Version {
        let slot = Slot::of(None, 1);
        Version {
            items: vec![Item { slot, with: Some(with.to_owned()), ..Item::default() }],
            readings: vec![FieldReading::of(slot, vec![0x08, 0x02], shown)],
            ..Version::default()
        }
    }
}
