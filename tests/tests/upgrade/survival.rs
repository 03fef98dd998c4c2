//! Unknown events and unknown fields survive those who do not know them, edits included.

use super::office::{Newest, Office, edit_v1, edit_v2, edit_v3, hub, v1, v2, v3};

#[tokio::test]
async fn events_of_unknown_names_survive_edits_and_restarts() {
    let (_hub, way) = hub();
    let (old, newer) = (Office::new(v1::types()).await, Office::new(v2::types()).await);
    edit_v2(&newer, |edit| {
        edit.remarks.insert("leaks");
        edit.minutes.add(20);
    })
    .await;
    newer.sync(&way).await;
    old.sync(&way).await;
    assert_eq!(old.parked().await, 2);
    let old = old.reopened(v1::types()).await;
    edit_v1(&old, |edit| edit.title.set("Boiler B")).await;
    old.sync(&way).await;

    let upgraded = old.reopened(v2::types()).await;
    let boiler = upgraded.boiler::<v2::Inspection>().await;
    assert_eq!((boiler.title.as_str(), boiler.minutes), ("Boiler B", 20));
    assert!(boiler.remarks.contains("leaks"));
    newer.sync(&way).await;
    assert_eq!(newer.hash().await, upgraded.hash().await);
}

#[tokio::test]
async fn unknown_fields_are_passed_over_and_kept() {
    let (_hub, way) = hub();
    let (old, newer) = (Office::new(v1::types()).await, Office::new(v2::types()).await);
    edit_v2(&newer, |edit| edit.emit(signed("leaks"))).await;
    newer.sync(&way).await;
    old.sync(&way).await;
    // The event is not parked: the first version reads what it knows of it.
    assert_eq!(old.parked().await, 0);
    assert_eq!(old.boiler::<v1::Inspection>().await.visits, 1);
    assert_eq!(old.log().await, newer.log().await);

    let upgraded = old.reopened(v2::types()).await;
    let boiler = upgraded.boiler::<v2::Inspection>().await;
    assert_eq!((boiler.visits, boiler.minutes), (1, 25));
    assert!(boiler.remarks.contains("leaks"));
}

#[tokio::test]
async fn an_old_edit_drops_no_field_that_it_does_not_know() {
    let (_hub, way) = hub();
    let (old, newer) = (Office::new(v1::types()).await, Office::new(v2::types()).await);
    let full = v2::Inspection {
        title: "Boiler".to_owned(),
        visits: 2,
        hottest: Some(80),
        minutes: 40,
        remarks: ["leaks".to_owned()].into(),
    };
    edit_v2(&newer, |edit| edit.create(&full)).await;
    newer.sync(&way).await;
    old.sync(&way).await;
    // Everything that it knows is written again.
    edit_v1(&old, |edit| {
        edit.title.set("Boiler B");
        edit.visits.add(1);
        edit.hottest.raise(90);
    })
    .await;
    old.sync(&way).await;
    newer.sync(&way).await;
    let wanted =
        v2::Inspection { title: "Boiler B".to_owned(), visits: 3, hottest: Some(90), ..full };
    assert_eq!(newer.boiler::<v2::Inspection>().await, wanted);
}

#[tokio::test]
async fn a_field_that_was_missing_has_its_default() {
    let office = Office::new(v1::types()).await;
    edit_v1(&office, |edit| edit.emit(v1::Signed { by: "ann".to_owned() })).await;
    let boiler = office.reopened(v2::types()).await.boiler::<v2::Inspection>().await;
    assert_eq!((boiler.visits, boiler.minutes, boiler.remarks.len()), (1, 0, 0));
}

#[tokio::test]
async fn a_renamed_field_is_the_same_to_every_version() {
    let (_hub, way) = hub();
    let newest = Office::new(v3::types()).await;
    let by_cleo = v3::Signed { inspector: "cleo".to_owned(), remark: None, minutes: 15 };
    edit_v3(&newest, |edit| edit.emit(by_cleo)).await;
    newest.sync(&way).await;
    for (types, version) in [(v1::types(), 1), (v2::types(), 2)] {
        let office = Office::new(types).await;
        office.sync(&way).await;
        assert_eq!(office.parked().await, 0, "version {version}");
    }
    let upgraded = Office::new(v1::types()).await;
    upgraded.sync(&way).await;
    edit_v1(&upgraded, |edit| edit.emit(v1::Signed { by: "ann".to_owned() })).await;
    let upgraded = upgraded.reopened(v3::types()).await;
    assert_eq!(upgraded.boiler::<Newest>().await.visits, 2);
}

fn signed(remark: &str) -> v2::Signed {
    v2::Signed { by: "bob".to_owned(), remark: Some(remark.to_owned()), minutes: 25 }
}

#[tokio::test]
async fn what_follows_a_parked_event_can_be_taken_back() {
    let (_hub, way) = hub();
    let bob = Office::new(v2::types()).await;
    edit_v2(&bob, |edit| {
        edit.emit(v2::Measured { degrees: 76, unit: "Réaumur".to_owned() });
    })
    .await;
    edit_v2(&bob, |edit| edit.remarks.insert("leaks")).await;
    bob.sync(&way).await;
    let ann = Office::new(v3::types()).await;
    ann.sync(&way).await;
    assert!(ann.boiler::<Newest>().await.remarks.contains("leaks"));
    edit_v3(&ann, |edit| edit.remarks.remove("leaks")).await;
    assert!(!ann.boiler::<Newest>().await.remarks.contains("leaks"));
}
