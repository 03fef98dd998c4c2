//! The domain: wildlife strikes at an airport, and how offices' reports of them are merged.
//!
//! The struct is plain. The attribute above each field says how it merges when several
//! offices report strikes at the same airport concurrently.

use std::collections::BTreeSet;

use serde::Serialize;
use synckit::{SyncValue, sync_aggregate};

use super::date::Date;

/// The strikes at one airport. The airport's name is the aggregate's key.
#[sync_aggregate(name = "airport")]
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Airport {
    /// Number of strikes reported. Two offices that each add 1 have added 2.
    #[merge(counter)]
    pub(crate) strikes: i64,
    /// Their cost, in dollars.
    #[merge(counter)]
    pub(crate) cost_total: i64,
    /// The worst damage that one of them did, whoever reported it and when.
    #[merge(max)]
    pub(crate) worst_damage: Damage,
    /// The species that were hit.
    #[merge(set)]
    pub(crate) species: BTreeSet<String>,
    /// The day of the first strike.
    #[merge(min)]
    pub(crate) first_seen: Option<Date>,
    /// The day of the last one.
    #[merge(max)]
    pub(crate) last_seen: Option<Date>,
    /// The greatest speed at which an aircraft hit something, in knots; `None` while no report
    /// names a speed.
    #[merge(max)]
    pub(crate) fastest_knots: Option<u32>,
    /// Operator of the report that was entered last. Of concurrent values only one can stay: a
    /// conflict, which every office decides alike and records.
    #[merge(lww)]
    pub(crate) last_operator: String,
}

/// Damage, in ascending order.
///
/// The last two are codes that the source leaves undefined. They stand above the others, so that
/// somebody looks.
#[derive(SyncValue, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Damage {
    #[default]
    None,
    Minor,
    Medium,
    Substantial,
    B,
    C,
}

impl Damage {
    pub(crate) const ALL: [Self; 6] =
        [Self::None, Self::Minor, Self::Medium, Self::Substantial, Self::B, Self::C];

    /// As the reports write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Minor => "Minor",
            Self::Medium => "Medium",
            Self::Substantial => "Substantial",
            Self::B => "B",
            Self::C => "C",
        }
    }
}
