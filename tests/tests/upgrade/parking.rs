//! A program that is too old, or refuses to convert, parks: it stores, forwards and counts, and folds
//! what it can once it is upgraded.

use synckit::id::Position;
use synckit::{Id, registry};

use super::office::{Newest, Office, edit_v1, edit_v2, edit_v3, hub, log, v1, v2, v3};

#[tokio::test]
async fn a_program_that_is_too_old_stores_and_counts() {
    let (_hub, way) = hub();
    let old = Office::new(v1::types()).await;
    let newest = Office::new(v3::types()).await;
    edit_v3(&newest, |edit| edit.emit(v3::Measured { celsius: 88 })).await;
    edit_v3(&newest, |edit| edit.visits.add(1)).await;
    newest.sync(&way).await;
    old.sync(&way).await;
    assert_eq!(old.parked().await, 1);
    let boiler = old.boiler::<v1::Inspection>().await;
    assert_eq!((boiler.hottest, boiler.visits), (None, 1));
    assert_eq!(old.log().await, newest.log().await);
}

#[tokio::test]
async fn what_is_parked_is_forwarded_byte_for_byte() {
    let (_hub, way) = hub();
    let newest = Office::new(v3::types()).await;
    edit_beyond_v1(&newest).await;
    newest.sync(&way).await;
    let old = Office::new(v1::types()).await;
    old.sync(&way).await;
    assert_eq!(old.parked().await, 2);

    // The old program is closed, and whoever has nothing but its file passes it on.
    let (_served, way_to_file) = old.served().await;
    let other = Office::new(v3::types()).await;
    other.sync(&way_to_file).await;
    assert_eq!(other.log().await, newest.log().await);
    assert_eq!(other.hash().await, newest.hash().await);
}

#[tokio::test]
async fn an_upgraded_program_folds_what_was_parked_in_its_file() {
    let (_hub, way) = hub();
    let (office, newest) = (Office::new(v1::types()).await, Office::new(v3::types()).await);
    edit_v1(&office, |edit| edit.emit(v1::Measured { fahrenheit: 194 })).await;
    edit_v3(&newest, |edit| edit.emit(v3::Measured { celsius: 93 })).await;
    for each in [&newest, &office, &newest] {
        each.sync(&way).await;
    }
    assert_eq!(office.boiler::<v1::Inspection>().await.hottest, Some(90));

    // The second version cannot read it either.
    let office = office.reopened(v2::types()).await;
    assert_eq!(office.parked().await, 1);
    assert_eq!(office.boiler::<v2::Inspection>().await.hottest, Some(90));

    let office = office.reopened(v3::types()).await;
    assert_eq!(office.parked().await, 0);
    assert_eq!(office.boiler::<Newest>().await.hottest, Some(93));
    assert_eq!(office.hash().await, newest.hash().await);
}

#[tokio::test]
async fn an_edit_beside_parked_events_does_not_claim_to_have_seen_them() {
    let (_hub, way) = hub();
    let (old, newest) = (Office::new(v1::types()).await, Office::new(v3::types()).await);
    // A title after an event that the old program parks: it has not seen what follows either.
    edit_v3(&newest, |edit| edit.emit(v3::Measured { celsius: 88 })).await;
    edit_v3(&newest, |edit| edit.title.set("Boiler")).await;
    newest.sync(&way).await;
    old.sync(&way).await;
    edit_v1(&old, |edit| edit.title.set("Boiler B")).await;
    old.sync(&way).await;
    newest.sync(&way).await;
    assert_eq!(newest.replica.all_conflicts(None, 4_096).await.unwrap().len(), 1);
}

#[tokio::test]
async fn parked_events_are_listed_from_the_store_and_from_memory() {
    let (_hub, way) = hub();
    let (old, newest) = (Office::new(v1::types()).await, Office::new(v3::types()).await);
    let measured = async |celsius| {
        edit_v3(&newest, |edit| edit.emit(v3::Measured { celsius })).await;
        for visit in 0..8 {
            edit_v3(&newest, |edit| edit.visits.add(visit)).await;
        }
        newest.sync(&way).await;
        old.sync(&way).await;
    };
    measured(1).await;
    old.replica.checkpoint().await.unwrap();
    measured(2).await;
    let positions = async |old: &Office| {
        let parked = old.replica.parked(Position::START).await.unwrap();
        parked.iter().map(|parked| parked.position.0).collect::<Vec<_>>()
    };
    assert_eq!(positions(&old).await, [1, 10]);
    let second = old.replica.parked(Position(1)).await.unwrap();
    assert_eq!(second.iter().map(|parked| parked.position.0).collect::<Vec<_>>(), [10]);

    let old = old.reopened(v1::types()).await;
    assert_eq!(positions(&old).await, [1, 10], "all of them are stored");
    let office = old.reopened(v3::types()).await;
    assert_eq!(positions(&office).await, [0; 0], "it is another program's list");
}

#[tokio::test]
async fn what_an_upcaster_refuses_is_parked_and_not_lost() {
    let (hub, way) = hub();
    let office = Office::new(v2::types()).await;
    let reaumur = || v2::Measured { degrees: 76, unit: "Réaumur".to_owned() };
    edit_v2(&office, |edit| edit.emit(v2::Measured { degrees: 93, unit: "C".to_owned() })).await;
    edit_v2(&office, |edit| edit.emit(reaumur())).await;
    edit_v2(&office, |edit| edit.visits.add(1)).await;
    let before = office.log().await;

    let office = office.reopened(v3::types()).await;
    assert_eq!(office.parked().await, 1);
    let boiler = office.boiler::<Newest>().await;
    assert_eq!((boiler.hottest, boiler.visits), (Some(93), 1));
    office.sync(&way).await;
    assert_eq!(log(&hub.store(), &office.replica).await, before);

    // Whoever can read it gets it.
    let other = Office::new(v2::types()).await;
    other.sync(&way).await;
    assert_eq!(other.parked().await, 0);
    assert_eq!(office.reopened(v2::types()).await.hash().await, other.hash().await);
}

#[tokio::test]
async fn a_chain_of_upcasters_reads_the_oldest_events() {
    let office = Office::new(v1::types()).await;
    edit_v1(&office, |edit| edit.emit(v1::Measured { fahrenheit: 212 })).await;
    let office = office.reopened(v3::types()).await;
    assert_eq!((office.parked().await, office.boiler::<Newest>().await.hottest), (0, Some(100)));
}

#[tokio::test]
async fn a_changed_meaning_takes_effect_when_the_aggregate_has_a_new_version() {
    let office = Office::new(registry![meaning::one::Note]).await;
    let id = Id::<meaning::one::Note>::named("n").unwrap();
    office.replica.edit(&id, |edit| edit.emit(meaning::Signed {})).await.unwrap();

    let office = office.reopened(registry![meaning::two::Note]).await;
    let id = Id::<meaning::two::Note>::named("n").unwrap();
    assert_eq!(office.replica.get(&id).await.unwrap().unwrap().visits, 2);
}

/// A note whose second version counts signatures twice.
mod meaning {
    use synckit::SyncEvent;

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "note.signed")]
    pub(super) struct Signed {}

    pub(super) mod one {
        #[synckit::sync_aggregate(name = "note", events(super::Signed))]
        #[derive(Clone, Debug)]
        pub(crate) struct Note {
            #[merge(counter)]
            pub(crate) visits: i64,
        }

        impl synckit::Lower<super::Signed> for Note {
            fn lower(_: &super::Signed, ops: &mut Self::Ops<'_>) {
                ops.visits.add(1);
            }
        }
    }

    pub(super) mod two {
        #[synckit::sync_aggregate(name = "note", version = 2, lock = none, events(super::Signed))]
        #[derive(Clone, Debug)]
        pub(crate) struct Note {
            #[merge(counter)]
            pub(crate) visits: i64,
        }

        impl synckit::Lower<super::Signed> for Note {
            fn lower(_: &super::Signed, ops: &mut Self::Ops<'_>) {
                ops.visits.add(2);
            }
        }
    }
}

/// Unknown to the first version: a kind of event, and a version of one.
async fn edit_beyond_v1(newest: &Office) {
    edit_v3(newest, |edit| {
        edit.remarks.insert("leaks");
        edit.emit(v3::Measured { celsius: 88 });
        edit.visits.add(1);
    })
    .await;
}
