//! Types in private modules, seen by nobody else, and aggregates of values that only they see.
#![deny(warnings)]
#![allow(dead_code)]

mod outer {
    mod inner {
        use synckit::{SyncEvent, SyncValue, sync_aggregate};

        #[derive(SyncValue, Clone, Debug, Default, PartialEq)]
        struct Hidden {
            x: i64,
        }

        #[derive(SyncEvent, Clone, Debug)]
        #[event(name = "hidden.moved")]
        pub(super) struct Moved {
            to: Hidden,
        }

        #[sync_aggregate(name = "hidden", events(Moved))]
        #[derive(Clone, Debug)]
        pub(super) struct Note {
            #[merge(lww)]
            at: Hidden,
        }

        impl synckit::Lower<Moved> for Note {
            fn lower(event: &Moved, ops: &mut NoteOps<'_>) {
                ops.at.set(event.to.clone());
            }
        }
    }

    pub(super) fn registry() -> synckit::Registry {
        synckit::registry![inner::Note]
    }
}

fn main() {
    assert_eq!(outer::registry().drafts().len(), 3);
}
