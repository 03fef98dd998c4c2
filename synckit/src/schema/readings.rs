//! Readings of fields that modules convert, which hold a module to what it makes of values.
//!
//! A lock can name a module and cannot hold its functions. So the first blessing draws values, has the module
//! read them, and the lock keeps the values with hashes over what they are read as. That text is `Debug`'s: the
//! field's type need have nothing else.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use synckit_lock::{FieldReading, Lock, Slot};

use super::{Published, samples};
use crate::wire::{FieldSchema, Shape, ShownAs, WireError};

/// Readings that are kept of each field.
const READINGS: usize = 8;
/// Readings among them that the module refuses.
const REFUSED: usize = 3;
/// Values that are drawn to find as many.
const TRIES: u64 = 256;
/// Times that a value is read: what is shown in another order each time, as hash maps are, is of no use.
const TIMES: usize = 24;

/// A field that a module converts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Converted {
    slot: Slot,
    shape: Shape,
    with: &'static str,
    reads: ShownAs,
}

impl Converted {
    /// The fields that are converted, of a variant or of all there is.
    pub(super) fn among(variant: Option<u32>, fields: &[FieldSchema]) -> Vec<Self> {
        let converted = fields.iter().filter_map(|field| {
            let slot = Slot::of(variant, field.number);
            Some(Self { slot, shape: field.shape, with: field.with?, reads: field.reads? })
        });
        converted.collect()
    }

    /// The reading of a value; `None` when it cannot be told.
    fn read(&self, payload: &[u8]) -> Option<FieldReading> {
        let once = || {
            let read = catch_unwind(AssertUnwindSafe(|| self.reads.0(payload)));
            let shown: Option<String> = read.unwrap_or(Err(WireError::Truncated)).ok()?;
            Some(FieldReading::of(self.slot, payload.to_vec(), shown.as_deref()))
        };
        let first = once()?;
        (1..TIMES).all(|_| once().as_ref() == Some(&first)).then_some(first)
    }

    fn drawn(&self) -> Vec<FieldReading> {
        let (mut seen, mut readings) = (BTreeSet::new(), Vec::<FieldReading>::new());
        for seed in 0..TRIES {
            let Some(payload) = samples::value(&self.shape, seed) else { continue };
            if !seen.insert(payload.clone()) {
                continue;
            }
            let Some(reading) = self.read(&payload) else { continue };
            let refused = readings.iter().filter(|reading| reading.read.is_none()).count();
            if reading.read.is_some() || refused < REFUSED {
                readings.push(reading);
            }
            if readings.len() == READINGS {
                break;
            }
        }
        readings
    }
}

impl Published {
    /// The readings that the lock file is to have of the version: those that it has, with their results as
    /// they are, and others for fields of which it has none.
    pub(crate) fn readings(&self, lock: Option<&Lock>) -> Vec<FieldReading> {
        let held = lock.map(|lock| lock.version(self.lock.number).unwrap_or_else(|| lock.last()));
        let mut readings = Vec::new();
        for converted in &self.converted {
            let is_of = |reading: &&FieldReading| reading.slot == converted.slot;
            let by = |it: &&synckit_lock::Version| {
                let item = it.item(converted.slot);
                item.is_some_and(|item| item.with.as_deref() == Some(converted.with))
            };
            let held = held.filter(by).into_iter().flat_map(|version| &version.readings);
            let of_field: Vec<_> = held.filter(is_of).collect();
            if of_field.is_empty() {
                readings.extend(converted.drawn());
            }
            readings.extend(of_field.into_iter().map(|held| {
                let refused = || FieldReading { read: None, ..held.clone() };
                converted.read(&held.payload).unwrap_or_else(refused)
            }));
        }
        readings.sort_by_key(|reading| reading.slot);
        readings
    }
}
