//! Types under other names: rules that take any type, or whose operations do not name its parts.
#![deny(warnings)]

use synckit::aggregate::record;
use synckit::event::decode;
use synckit::sync_aggregate;

type Seen = u64;
type Tag = String;
type Count = i64;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug, Default)]
struct Inspection {
    #[merge(min)]
    seen: Option<Seen>,
    #[merge(counter)]
    count: Count,
    #[merge(set)]
    tags: std::collections::BTreeSet<Tag>,
}

fn main() {
    let recorded = record::<Inspection>(|it| {
        it.seen.lower(3u64);
        it.tags.insert("a");
        it.count.add(2);
    });
    let events = recorded.unwrap();
    let events: Vec<InspectionEvent> =
        events.iter().map(|event| decode(&event.event, &event.payload).unwrap()).collect();
    assert!(matches!(events[0], InspectionEvent::SeenLowered(3)));
    assert!(matches!(&events[1], InspectionEvent::TagsInserted(tag) if tag == "a"));
    assert!(matches!(events[2], InspectionEvent::CountAdded(2)));
}
