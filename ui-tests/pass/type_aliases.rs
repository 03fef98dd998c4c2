//! A rule asks what a type is, not how it is spelled.
#![deny(warnings)]

use synckit::aggregate::Aggregate;
use synckit::event::Recorder;
use synckit::sync_aggregate;

type Tags = std::collections::BTreeSet<String>;
type Seen = Option<u64>;
type Count = i64;

#[sync_aggregate(name = "inspection")]
#[derive(Clone, Debug, Default)]
struct Inspection {
    #[merge(min)]
    seen: Seen,
    #[merge(counter)]
    count: Count,
    #[merge(set)]
    tags: Tags,
}

fn main() {
    let recorder = Recorder::new();
    let mut ops = Inspection::ops(&recorder);
    ops.seen.lower(3u64);
    ops.tags.insert("a");
    ops.count.add(2);
    let events = recorder.into_events();
    assert!(matches!(events[0], InspectionEvent::SeenLowered(3)));
    assert!(matches!(&events[1], InspectionEvent::TagsInserted(tag) if tag == "a"));
    assert!(matches!(events[2], InspectionEvent::CountAdded(2)));
}
