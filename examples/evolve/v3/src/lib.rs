//! Inspections, as the third version of the program has them.
//!
//! Renamed: `by` is called `inspector`, which other versions do not notice. Changed: temperatures
//! are stored in degrees Celsius. An event that cannot be converted is kept and not applied.

use std::collections::BTreeSet;

use synckit::event::UpcastError;
use synckit::{Lower, Registry, SyncEvent, registry, sync_aggregate};

/// A building that is inspected again and again.
#[sync_aggregate(name = "inspection", version = 2, events(Signed, Measured), lock = required)]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// The object of the inspection.
    #[merge(lww)]
    pub title: String,
    /// Number of signatures.
    #[merge(counter)]
    pub visits: i64,
    /// The hottest that was measured, in degrees Celsius.
    #[merge(max)]
    pub hottest: Option<i64>,
    /// Duration of all visits, in minutes.
    #[merge(counter)]
    pub minutes: i64,
    /// Remarks of the inspectors.
    #[merge(set)]
    pub remarks: BTreeSet<String>,
}

/// Somebody has signed.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.signed", version = 3, lock = required)]
pub struct Signed {
    /// The inspector's name.
    #[field(was = "by")]
    pub inspector: String,
    /// A remark, if there was one.
    pub remark: Option<String>,
    /// Duration; 0 in events of the first version, which did not ask.
    #[field(default)]
    pub minutes: u32,
}

/// The boiler's temperature was taken.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.measured", version = 3, lock = required)]
#[upcast(from = MeasuredV2, with = in_celsius)]
pub struct Measured {
    /// In degrees Celsius.
    pub celsius: i64,
}

/// Written by the second version.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.measured", version = 2, historical)]
#[upcast(from = MeasuredV1, with = in_fahrenheit)]
pub struct MeasuredV2 {
    /// Reading of the thermometer.
    pub degrees: i64,
    /// `C` or `F`, as typed by hand.
    pub unit: String,
}

/// Written by the first version.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.measured", version = 1, historical)]
pub struct MeasuredV1 {
    /// In degrees Fahrenheit.
    pub fahrenheit: i64,
}

fn in_fahrenheit(old: MeasuredV1) -> MeasuredV2 {
    MeasuredV2 { degrees: old.fahrenheit, unit: "F".to_owned() }
}

fn in_celsius(old: MeasuredV2) -> Result<Measured, UpcastError> {
    let celsius = match old.unit.as_str() {
        "C" => old.degrees,
        "F" => old.degrees.saturating_sub(32) * 5 / 9,
        unit => return Err(UpcastError::new(format!("nobody knows the unit {unit:?}"))),
    };
    Ok(Measured { celsius })
}

impl Lower<Signed> for Inspection {
    fn lower(event: &Signed, ops: &mut Self::Ops<'_>) {
        ops.visits.add(1);
        ops.minutes.add(event.minutes.into());
        if let Some(remark) = &event.remark {
            ops.remarks.insert(remark.clone());
        }
    }
}

impl Lower<Measured> for Inspection {
    fn lower(event: &Measured, ops: &mut Self::Ops<'_>) {
        ops.hottest.raise(event.celsius);
    }
}

/// The types of the program.
pub fn types() -> Registry {
    registry![Inspection]
}

#[cfg(test)]
synckit::schema_test!(types());
