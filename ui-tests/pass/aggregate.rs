//! Every merge rule: what is generated, what it is called, and what creating records.
#![deny(warnings, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use synckit::aggregate::{Aggregate, Fields, record};
use synckit::event::{SyncEvent, decode, encode};
use synckit::merge::{Conflicted, Head};
use synckit::{SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Severity {
    #[default]
    Low,
    High,
}

// No default: a minimum of `Option` needs none.
#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Day(u32);

#[sync_aggregate(name = "inspection", version = 2, lock = none)]
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
    #[merge(map(lww))]
    readings: BTreeMap<String, f64>,
    #[merge(map(counter))]
    stock: BTreeMap<String, i64>,
    #[merge(map(map(set)))]
    groups: BTreeMap<u8, BTreeMap<u8, BTreeSet<String>>>,
    #[merge(map(map(counter)))]
    shelves: BTreeMap<String, BTreeMap<String, i64>>,
    #[merge(fww)]
    opened: Option<Day>,
    #[merge(flag, quiet)]
    signed: bool,
    #[merge(set(remove_wins))]
    allowed: BTreeSet<String>,
    #[merge(grow_set)]
    seen_by: BTreeSet<String>,
    #[merge(counter)]
    steps: u32,
    #[merge(counter)]
    grains: u128,
    #[merge(map(counter))]
    tallies: BTreeMap<u8, i128>,
    #[merge(map(flag))]
    checks: BTreeMap<String, bool>,
    #[merge(map(set(remove_wins)))]
    roles: BTreeMap<String, BTreeSet<String>>,
    #[merge(map(grow_set))]
    visitors: BTreeMap<String, BTreeSet<String>>,
    #[merge(multi)]
    owner: Conflicted<String>,
    #[merge(resolve = strictest)]
    verdict: Severity,
    #[merge(map(multi))]
    notes: BTreeMap<String, Conflicted<Vec<u8>>>,
}

fn strictest(heads: &[Head<Severity>]) -> Severity {
    heads.iter().map(|head| head.value.clone()).max().unwrap_or_default()
}

fn main() {
    assert_eq!((Inspection::NAME, Inspection::VERSION), ("inspection", 2));
    let rules: Vec<_> = Inspection::FIELDS
        .iter()
        .map(|field| (field.schema().name, field.law().to_string()))
        .collect();
    assert_eq!(
        rules,
        [
            ("title", "lww".to_owned()),
            ("severity", "max".to_owned()),
            ("first_seen", "min".to_owned()),
            ("visits", "counter".to_owned()),
            ("tags", "set".to_owned()),
            ("readings", "map(lww)".to_owned()),
            ("stock", "map(counter)".to_owned()),
            ("groups", "map(map(set))".to_owned()),
            ("shelves", "map(map(counter))".to_owned()),
            ("opened", "fww".to_owned()),
            ("signed", "flag".to_owned()),
            ("allowed", "set(remove_wins)".to_owned()),
            ("seen_by", "grow_set".to_owned()),
            ("steps", "counter".to_owned()),
            ("grains", "counter".to_owned()),
            ("tallies", "map(counter)".to_owned()),
            ("checks", "map(flag)".to_owned()),
            ("roles", "map(set(remove_wins))".to_owned()),
            ("visitors", "map(grow_set)".to_owned()),
            ("owner", "multi".to_owned()),
            ("verdict", "resolve".to_owned()),
            ("notes", "map(multi)".to_owned()),
        ]
    );
    let kinds: Vec<_> =
        InspectionEvent::KINDS.iter().map(|kind| (kind.name, kind.commutes)).collect();
    assert_eq!(
        kinds,
        [
            ("inspection.created", true),
            ("inspection.deleted", false),
            ("inspection.title_set", false),
            ("inspection.severity_raised", true),
            ("inspection.first_seen_lowered", true),
            ("inspection.visits_added", true),
            ("inspection.tags_inserted", true),
            ("inspection.tags_removed", false),
            ("inspection.readings_entry_set", false),
            ("inspection.readings_removed", false),
            ("inspection.stock_entry_added", true),
            ("inspection.stock_removed", false),
            ("inspection.groups_entry_entry_inserted", true),
            ("inspection.groups_entry_entry_removed", false),
            ("inspection.groups_entry_removed", false),
            ("inspection.groups_removed", false),
            ("inspection.shelves_entry_entry_added", true),
            ("inspection.shelves_entry_removed", false),
            ("inspection.shelves_removed", false),
            ("inspection.opened_set", false),
            ("inspection.signed_set", false),
            ("inspection.allowed_inserted", false),
            ("inspection.allowed_removed", false),
            ("inspection.seen_by_inserted", true),
            ("inspection.steps_added", true),
            ("inspection.grains_added", true),
            ("inspection.tallies_entry_added", true),
            ("inspection.tallies_removed", false),
            ("inspection.checks_entry_set", false),
            ("inspection.checks_removed", false),
            ("inspection.roles_entry_inserted", false),
            ("inspection.roles_entry_removed", false),
            ("inspection.roles_removed", false),
            ("inspection.visitors_entry_inserted", true),
            ("inspection.visitors_removed", false),
            ("inspection.owner_set", false),
            ("inspection.verdict_set", false),
            ("inspection.notes_entry_set", false),
            ("inspection.notes_removed", false),
        ]
    );
    assert!(InspectionEvent::KINDS.iter().all(|kind| kind.version == 2));
    assert_eq!(InspectionEvent::KINDS[2].fields[0].name, "value");

    let inspection = Inspection {
        title: "Boiler B".into(),
        severity: Severity::High,
        first_seen: Some(Day(3)),
        visits: 2,
        tags: ["a".to_owned()].into(),
        readings: [("kitchen".to_owned(), 20.5)].into(),
        stock: [("bolts".to_owned(), 7)].into(),
        groups: [(1, [(2, ["x".to_owned()].into())].into())].into(),
        shelves: [("left".to_owned(), [("nuts".to_owned(), 9)].into())].into(),
        opened: Some(Day(2)),
        signed: true,
        allowed: ["ann".to_owned()].into(),
        seen_by: ["bob".to_owned()].into(),
        steps: 3,
        grains: u128::MAX,
        tallies: [(1, -4)].into(),
        checks: [("door".to_owned(), false)].into(),
        roles: [("ann".to_owned(), ["chief".to_owned()].into())].into(),
        visitors: [("hall".to_owned(), ["cleo".to_owned()].into())].into(),
        owner: "ann".to_owned().into(),
        verdict: Severity::High,
        notes: [("hall".to_owned(), vec![1].into())].into(),
    };
    let recorded = record::<Inspection>(|it| {
        it.create(&inspection);
        it.tags.remove("a");
        it.stock.remove("bolts");
        it.shelves.entry("left").remove("nuts");
        it.shelves.remove("left");
        assert_eq!((it.title.len(), *it.visits, it.tags.contains("a")), (8, 2, false));
        assert_eq!(it.readings.get("kitchen"), Some(20.5));
        assert_eq!(*it.readings.entry("kitchen"), 20.5);
        assert!(it.groups.entry(1).entry(2).contains("x") && !it.stock.contains_key("bolts"));
        assert!(!it.shelves.contains_key("left"));
        it.opened.set(Day(9));
        it.steps.add(-5);
        it.allowed.remove("ann");
        it.signed.set(false);
        assert_eq!((*it.opened, *it.steps, *it.grains), (Some(Day(2)), 0, u128::MAX));
        assert!(!*it.signed && !it.allowed.contains("ann") && it.seen_by.contains("bob"));
        it.owner.set("bob");
        assert_eq!((it.owner.get(), &*it.verdict), (&"bob".to_owned().into(), &Severity::High));
        assert!(it.roles.entry("ann").contains("chief") && !*it.checks.entry("door"));
    });
    let events: Vec<InspectionEvent> = recorded
        .unwrap()
        .iter()
        .map(|event| decode(&event.event, &event.payload).unwrap())
        .collect();
    assert_eq!(events.len(), 34);
    assert!(matches!(events[0], InspectionEvent::Created(None)));
    assert!(matches!(&events[1], InspectionEvent::TitleSet(title) if title == "Boiler B"));
    assert!(matches!(events[2], InspectionEvent::SeverityRaised(Severity::High)));
    assert!(matches!(events[3], InspectionEvent::FirstSeenLowered(Day(3))));
    assert!(matches!(events[4], InspectionEvent::VisitsAdded(2)));
    assert!(matches!(&events[6], InspectionEvent::ReadingsEntrySet { key, value: 20.5 } if key == "kitchen"));
    assert!(matches!(&events[7], InspectionEvent::StockEntryAdded { key, value: 7 } if key == "bolts"));
    assert!(matches!(&events[8], InspectionEvent::GroupsEntryEntryInserted { key: 1, key_2: 2, value } if value == "x"));
    assert!(matches!(&events[9], InspectionEvent::ShelvesEntryEntryAdded { key_2, value: 9, .. } if key_2 == "nuts"));
    assert!(matches!(&events[10], InspectionEvent::OpenedSet(Some(Day(2)))));
    assert!(matches!(&events[11], InspectionEvent::SignedSet(true)));
    assert!(matches!(&events[25], InspectionEvent::TagsRemoved(tag) if tag == "a"));
    assert!(matches!(&events[28], InspectionEvent::ShelvesRemoved { key, .. } if key == "left"));
    for event in events.into_iter().chain([Inspection::CREATED(Some(2)), Inspection::DELETED]) {
        let encoded = encode(&event).unwrap();
        let again: InspectionEvent = decode(&encoded.event, &encoded.payload).unwrap();
        assert_eq!(format!("{event:?}"), format!("{again:?}"));
    }
    assert_eq!(Fields::of::<Inspection>().show::<Inspection>(), Inspection::default());
}
