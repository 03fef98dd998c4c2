//! Types of a function, whose names nobody else can say.
#![deny(warnings)]

use std::collections::BTreeSet;

use synckit::aggregate::{Lower, record};
use synckit::event::{decode, encode};
use synckit::{SyncEvent, SyncValue, sync_aggregate};

fn main() {
    #[derive(SyncValue, Clone, Debug, PartialEq, Default)]
    struct Point {
        x: i64,
        y: i64,
    }

    #[derive(SyncEvent, Clone, Debug, PartialEq)]
    #[event(name = "moved")]
    struct Moved {
        to: Point,
    }

    #[sync_aggregate(name = "pin", events(Moved))]
    #[derive(Clone, Debug, PartialEq, Default)]
    struct Pin {
        #[merge(lww)]
        place: Point,
        #[merge(set)]
        tags: BTreeSet<String>,
    }

    impl Lower<Moved> for Pin {
        fn lower(event: &Moved, ops: &mut PinOps<'_>) {
            ops.place.set(event.to.clone());
        }
    }

    let moved = Moved { to: Point { x: 1, y: 2 } };
    let encoded = encode(&moved).unwrap();
    assert_eq!(decode::<Moved>(&encoded.event, &encoded.payload), Ok(moved));
    let recorded = record::<Pin>(|it| it.create(&Pin::default())).unwrap();
    assert_eq!(recorded.len(), 2, "that it exists, and the place, though it is the default");
}
