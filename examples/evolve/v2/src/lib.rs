//! Inspections, as the second version of the program has them.
//!
//! Added: remarks and the duration of a visit. The first version reads such events without those
//! fields. Changed: temperatures carry the unit of the thermometer. The first version cannot read
//! those events; it keeps them.

use std::collections::BTreeSet;

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
#[event(name = "inspection.signed", version = 2, lock = required)]
pub struct Signed {
    /// The inspector's name.
    pub by: String,
    /// A remark, if there was one.
    pub remark: Option<String>,
    /// Duration; 0 in events of the first version, which did not ask.
    #[field(default)]
    pub minutes: u32,
}

/// The boiler's temperature was taken.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.measured", version = 2, lock = required)]
#[upcast(from = MeasuredV1, with = in_fahrenheit)]
pub struct Measured {
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

fn in_fahrenheit(old: MeasuredV1) -> Measured {
    Measured { degrees: old.fahrenheit, unit: "F".to_owned() }
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
        match event.unit.as_str() {
            "C" => ops.hottest.raise(event.degrees),
            "F" => ops.hottest.raise(event.degrees.saturating_sub(32) * 5 / 9),
            _ => {}
        }
    }
}

/// The types of the program.
pub fn types() -> Registry {
    registry![Inspection]
}

#[cfg(test)]
synckit::schema_test!(types());
