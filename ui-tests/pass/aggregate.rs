//! Every merge rule: what is generated, what it is called, and what creating records.
#![deny(warnings, missing_docs)]

use std::collections::BTreeSet;

use synckit::aggregate::Aggregate;
use synckit::event::{Recorder, SyncEvent, decode, encode};
use synckit::{SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Severity {
    #[default]
    Low,
    High,
}

// No default: a minimum of `Option` needs none.
#[derive(SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Day(u32);

#[sync_aggregate(name = "inspection", version = 2)]
#[derive(Clone, Debug, PartialEq, Default)]
struct Inspection {
    #[merge(lww)]
    title: String,
    #[merge(max)]
    severity: Severity,
    #[merge(min)]
    first_seen: Option<Day>,
    #[merge(counter)]
    visits: i64,
    #[merge(set)]
    tags: BTreeSet<String>,
}

fn main() {
    assert_eq!((Inspection::NAME, Inspection::VERSION), ("inspection", 2));
    let rules: Vec<_> = Inspection::RULES.iter().map(|rule| (rule.field.name, rule.rule)).collect();
    assert_eq!(
        rules,
        [
            ("title", "lww"),
            ("severity", "max"),
            ("first_seen", "min"),
            ("visits", "counter"),
            ("tags", "set")
        ]
    );
    let kinds: Vec<_> =
        InspectionEvent::KINDS.iter().map(|kind| (kind.name, kind.commutes)).collect();
    assert_eq!(
        kinds,
        [
            ("inspection.created", true),
            ("inspection.title_set", false),
            ("inspection.severity_raised", true),
            ("inspection.first_seen_lowered", true),
            ("inspection.visits_added", true),
            ("inspection.tags_inserted", true),
            ("inspection.tags_removed", false),
        ]
    );
    assert!(InspectionEvent::KINDS.iter().all(|kind| kind.version == 2));
    assert_eq!(InspectionEvent::KINDS[1].fields[0].name, "value");

    let inspection = Inspection {
        title: "Boiler B".into(),
        severity: Severity::High,
        first_seen: Some(Day(3)),
        visits: 2,
        tags: ["a".to_owned()].into(),
    };
    let recorder = Recorder::new();
    let mut ops = Inspection::ops(&recorder);
    inspection.create(&mut ops);
    ops.tags.remove("a");
    let events = recorder.into_events();
    assert_eq!(events.len(), 6);
    assert!(matches!(&events[0], InspectionEvent::TitleSet(title) if title == "Boiler B"));
    assert!(matches!(events[1], InspectionEvent::SeverityRaised(Severity::High)));
    assert!(matches!(events[2], InspectionEvent::FirstSeenLowered(Day(3))));
    assert!(matches!(events[3], InspectionEvent::VisitsAdded(2)));
    assert!(matches!(&events[5], InspectionEvent::TagsRemoved(tag) if tag == "a"));
    for event in events.into_iter().chain([Inspection::created()]) {
        let encoded = encode(&event).unwrap();
        let again: InspectionEvent = decode(&encoded.event, &encoded.payload).unwrap();
        assert_eq!(format!("{event:?}"), format!("{again:?}"));
    }
    assert_eq!(Inspection::from_state(&InspectionState::default()), Inspection::default());
}
