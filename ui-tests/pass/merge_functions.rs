//! Functions of the application as merge rules, of fields and of entries.
#![deny(warnings, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use synckit::aggregate::{Aggregate, record};
use synckit::event::{SyncEvent, decode};
use synckit::merge::Head;
use synckit::sync_aggregate;

mod joins {
    pub(super) fn union(
        mut one: super::BTreeSet<String>,
        other: super::BTreeSet<String>,
    ) -> super::BTreeSet<String> {
        one.extend(other);
        one
    }
}

fn least(heads: &[Head<u8>]) -> u8 {
    heads.iter().map(|head| head.value).min().unwrap_or_default()
}

#[sync_aggregate(name = "inspection", lock = none)]
#[derive(Clone, Debug, PartialEq, Default)]
struct Inspection {
    #[merge(with = joins::union, revision = 3)]
    alarms: BTreeSet<String>,
    #[merge(with = Ord::min, quiet)]
    pressure: Option<u8>,
    #[merge(map(with = f64::max, revision = 2))]
    peaks: BTreeMap<String, f64>,
    #[merge(map(map(resolve = least)))]
    grades: BTreeMap<u8, BTreeMap<u8, u8>>,
}

fn main() {
    let rules: Vec<_> = Inspection::FIELDS.iter().map(|field| field.law().to_string()).collect();
    assert_eq!(
        rules,
        ["with(joins::union)", "with(Ord::min)", "map(with(f64::max))", "map(map(resolve))"]
    );
    let kinds: Vec<_> =
        InspectionEvent::KINDS.iter().map(|kind| (kind.name, kind.commutes)).collect();
    assert_eq!(
        kinds[2..],
        [
            ("inspection.alarms_joined", true),
            ("inspection.pressure_joined", true),
            ("inspection.peaks_entry_joined", true),
            ("inspection.peaks_removed", false),
            ("inspection.grades_entry_entry_set", false),
            ("inspection.grades_entry_removed", false),
            ("inspection.grades_removed", false),
        ]
    );
    let recorded = record::<Inspection>(|it| {
        it.create(&Inspection::default());
        it.alarms.join(["door".to_owned()].into_iter().collect::<BTreeSet<_>>());
        it.alarms.join(["roof".to_owned()].into_iter().collect::<BTreeSet<_>>());
        assert_eq!((it.alarms.len(), *it.pressure), (2, None));
        it.pressure.join(7);
        it.pressure.join(9);
        assert_eq!(*it.pressure, Some(7));
        it.peaks.entry("north").join(2.5);
        it.peaks.entry("north").join(1.5);
        it.grades.entry(1).entry(2).set(4);
        assert_eq!((*it.peaks.entry("north"), it.grades.entry(1).get(2)), (2.5, Some(4)));
    });
    let events = recorded.unwrap();
    let decoded = decode::<InspectionEvent>(&events[4].event, &events[4].payload).unwrap();
    assert!(matches!(decoded, InspectionEvent::PressureJoined(7)), "{decoded:?}");
}
