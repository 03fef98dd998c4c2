//! Inspections, as the first version of the program has them.

use synckit::{Lower, Registry, SyncEvent, registry, sync_aggregate};

/// A building that is inspected again and again.
#[sync_aggregate(name = "inspection", events(Signed, Measured), lock = required)]
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
}

/// Somebody has signed.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.signed", lock = required)]
pub struct Signed {
    /// The inspector's name.
    pub by: String,
}

/// The boiler's temperature was taken.
#[derive(SyncEvent, Clone, Debug, PartialEq)]
#[event(name = "inspection.measured", lock = required)]
pub struct Measured {
    /// In degrees Fahrenheit: the first customer had no other thermometers.
    pub fahrenheit: i64,
}

impl Lower<Signed> for Inspection {
    fn lower(_: &Signed, ops: &mut Self::Ops<'_>) {
        ops.visits.add(1);
    }
}

impl Lower<Measured> for Inspection {
    fn lower(event: &Measured, ops: &mut Self::Ops<'_>) {
        ops.hottest.raise(event.fahrenheit.saturating_sub(32) * 5 / 9);
    }
}

/// The types of the program.
pub fn types() -> Registry {
    registry![Inspection]
}

#[cfg(test)]
synckit::schema_test!(types());
