//! Code of an application that panics, in an order or an upcaster: what it was given is parked, and
//! nothing else stops.

use std::collections::BTreeSet;

use synckit::event::DecodeError;
use synckit::id::Position;
use synckit::{Id, Lower, Registry, Replica, SyncEvent, SyncValue, registry, sync_aggregate};

use super::support::hub;

/// The first version of the event, as programs wrote it that have not been upgraded.
mod first {
    use super::{Lower, SyncEvent, sync_aggregate};

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "shift.worked")]
    pub(super) struct Worked {
        pub(super) hours: i64,
    }

    #[sync_aggregate(name = "shift", events(Worked))]
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) struct Shift {
        #[merge(counter)]
        pub(super) minutes: i64,
    }

    impl Lower<Worked> for Shift {
        fn lower(event: &Worked, ops: &mut Self::Ops<'_>) {
            ops.minutes.add(event.hours.saturating_mul(60));
        }
    }
}

/// The upgraded program, whose conversion does not expect every number.
mod second {
    use super::{Lower, SyncEvent, sync_aggregate};

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "shift.worked", historical)]
    struct WorkedHours {
        hours: i64,
    }

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "shift.worked", version = 2, lock = none)]
    #[upcast(from = WorkedHours, with = in_minutes)]
    pub(super) struct Worked {
        pub(super) minutes: i64,
    }

    fn in_minutes(old: WorkedHours) -> Worked {
        Worked { minutes: old.hours.checked_mul(60).expect("hours of a human life") }
    }

    #[sync_aggregate(name = "shift", events(Worked))]
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) struct Shift {
        #[merge(counter)]
        pub(super) minutes: i64,
    }

    impl Lower<Worked> for Shift {
        fn lower(event: &Worked, ops: &mut Self::Ops<'_>) {
            ops.minutes.add(event.minutes);
        }
    }
}

/// A program that orders its grades by a table that lacks one.
mod graded {
    use std::cmp::Ordering;

    use super::{BTreeSet, SyncValue, sync_aggregate};

    #[derive(SyncValue, Clone, Debug, PartialEq, Eq)]
    pub(super) struct Grade(pub(super) String);

    impl Grade {
        fn rank(&self) -> usize {
            let known = ["poor", "fair", "good"];
            known.iter().position(|grade| *grade == self.0).expect("a grade of the table")
        }
    }

    impl Ord for Grade {
        fn cmp(&self, other: &Self) -> Ordering {
            self.rank().cmp(&other.rank())
        }
    }

    impl PartialOrd for Grade {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    #[sync_aggregate(name = "wine")]
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) struct Wine {
        #[merge(set)]
        pub(super) grades: BTreeSet<Grade>,
        #[merge(max)]
        pub(super) best: Option<Grade>,
        #[merge(counter)]
        pub(super) tasted: i64,
    }
}

/// The same with an order of the letters, which knows every grade.
mod lettered {
    use super::{BTreeSet, SyncValue, sync_aggregate};

    #[derive(SyncValue, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(super) struct Grade(pub(super) String);

    #[sync_aggregate(name = "wine")]
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) struct Wine {
        #[merge(set)]
        pub(super) grades: BTreeSet<Grade>,
        #[merge(max)]
        pub(super) best: Option<Grade>,
        #[merge(counter)]
        pub(super) tasted: i64,
    }
}

#[tokio::test]
async fn an_event_on_which_an_upcaster_panics_is_parked_and_stops_nothing_else() {
    let (folder, (_hub, way)) = (tempfile::tempdir().unwrap(), hub());
    let old = in_memory(registry![first::Shift]).await;
    let odd = Id::<first::Shift>::named("odd").unwrap();
    for hours in [1, i64::MAX, 2] {
        old.edit(&odd, |it| it.emit(first::Worked { hours })).await.unwrap();
    }
    old.sync_once(way.clone()).await.unwrap();

    let path = folder.path().join("bob.redb");
    let open = || Replica::builder().registry(registry![second::Shift]).open(&path);
    let bob = open().await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    let odd = Id::<second::Shift>::named("odd").unwrap();
    // He goes on, in that aggregate and in others, and after he was opened again.
    bob.edit(&odd, |it| it.emit(second::Worked { minutes: 5 })).await.unwrap();
    let other = Id::<second::Shift>::named("other").unwrap();
    bob.edit(&other, |it| it.minutes.add(7)).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    bob.close().await.unwrap();
    let bob = open().await.unwrap();
    assert_eq!(bob.get(&odd).await.unwrap().unwrap().minutes, 3 * 60 + 5);
    assert_eq!(bob.get(&other).await.unwrap().unwrap().minutes, 7);
    assert_parked(&bob, "hours of a human life").await;
    bob.sync_once(way).await.unwrap();
}

#[tokio::test]
async fn values_on_which_an_order_panics_are_parked_and_stop_nothing_else() {
    let (folder, (_hub, way)) = (tempfile::tempdir().unwrap(), hub());
    let ann = in_memory(registry![lettered::Wine]).await;
    let odd = Id::<lettered::Wine>::named("odd").unwrap();
    for grade in ["fair", "sour", "good"] {
        ann.edit(&odd, |it| it.best.raise(lettered::Grade(grade.into()))).await.unwrap();
        ann.edit(&odd, |it| it.grades.insert(lettered::Grade(grade.into()))).await.unwrap();
        ann.edit(&odd, |it| it.tasted.add(1)).await.unwrap();
    }
    ann.sync_once(way.clone()).await.unwrap();

    let path = folder.path().join("bob.redb");
    let open = || Replica::builder().registry(registry![graded::Wine]).open(&path);
    let bob = open().await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    let odd = Id::<graded::Wine>::named("odd").unwrap();
    bob.edit(&odd, |it| it.tasted.add(1)).await.unwrap();
    bob.close().await.unwrap();
    let bob = open().await.unwrap();
    let wine = bob.get(&odd).await.unwrap().unwrap();
    let grades: BTreeSet<_> = ["fair", "good"].map(|it| graded::Grade(it.into())).into();
    assert_eq!((wine.tasted, wine.grades), (4, grades));
    assert_eq!(wine.best, Some(graded::Grade("good".into())));
    assert_parked(&bob, "a grade of the table").await;
    bob.sync_once(way).await.unwrap();
}

async fn in_memory(types: Registry) -> Replica {
    Replica::builder().registry(types).in_memory().await.unwrap()
}

/// Everything that is parked is parked because of a panic that says this.
async fn assert_parked(replica: &Replica, said: &str) {
    let parked = replica.parked(Position::START).await.unwrap();
    assert!(!parked.is_empty());
    for event in parked {
        let DecodeError::Panicked { message, .. } = &event.reason else {
            panic!("{}", event.reason)
        };
        assert!(message.contains(said), "{message}");
    }
}
