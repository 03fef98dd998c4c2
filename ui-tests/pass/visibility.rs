//! Generated items are as visible as the struct, and no lint objects.
#![deny(warnings, missing_docs, unreachable_pub, private_interfaces, private_bounds)]
#![deny(missing_debug_implementations, rust_2018_idioms, non_snake_case)]

use synckit::{Aggregate, SyncEvent, SyncValue, sync_aggregate};

/// A public aggregate with a field of a private type.
pub mod open {
    use super::*;

    #[derive(SyncValue, Clone, Debug, PartialEq, Default)]
    struct Hidden(u32);

    /// An inspection.
    #[sync_aggregate(name = "inspection")]
    #[derive(Clone, Debug)]
    pub struct Inspection {
        /// The title.
        #[merge(lww)]
        pub title: String,
        #[merge(lww)]
        hidden: Hidden,
    }

    /// An event.
    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "signed")]
    pub struct Signed {
        hidden: Hidden,
    }
}

mod closed {
    use super::*;

    #[sync_aggregate(name = "inspection")]
    #[derive(Clone, Debug)]
    pub(crate) struct Inspection {
        #[merge(counter)]
        pub(crate) visits: i64,
    }

    #[sync_aggregate(name = "note")]
    #[derive(Clone, Debug)]
    struct Note {
        #[merge(counter)]
        visits: i64,
    }

    pub(crate) fn notes() -> &'static str {
        Note::NAME
    }
}

fn main() {
    let recorded = synckit::aggregate::record::<closed::Inspection>(|it| it.visits.add(1));
    let events = recorded.unwrap();
    let event: closed::InspectionEvent =
        synckit::event::decode(&events[0].event, &events[0].payload).unwrap();
    assert!(matches!(event, closed::InspectionEvent::VisitsAdded(1)));
    assert_eq!(closed::notes(), open::Inspection::NAME.replace("inspection", "note"));
}
