//! A counter takes `+=` and `-=`, in an edit and in a lowering.

use synckit::aggregate::record;
use synckit::{Edit, Lower, SyncEvent, sync_aggregate};

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "tally.visited")]
struct Visited {}

#[sync_aggregate(name = "tally", events(Visited))]
#[derive(Clone, Debug)]
struct Tally {
    #[merge(counter)]
    visits: i64,
}

impl Lower<Visited> for Tally {
    fn lower(_: &Visited, ops: &mut TallyOps<'_>) {
        ops.visits += 1;
    }
}

fn main() {
    let events = record::<Tally>(|it: &mut Edit<'_, Tally>| {
        it.visits += 3;
        it.visits -= 1;
        assert_eq!(*it.visits, 2);
        it.emit(Visited {});
        assert_eq!(*it.visits, 3);
    });
    assert_eq!(events.unwrap().len(), 3);
}
