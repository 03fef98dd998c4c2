//! Replicas that sync through a hub.

use synckit::Id;

use super::office::{Note, hub, office};

#[tokio::test]
async fn two_offices_that_wrote_offline_lose_nothing_and_agree() {
    let (_hub, way) = hub();
    let (ann, bob) = (office().await, office().await);
    let id = Id::<Note>::named("boiler").unwrap();
    ann.edit(&id, |note| {
        note.title.set("Boiler A");
        note.visits.add(2);
        note.tags.insert("warm");
    })
    .await
    .unwrap();
    bob.edit(&id, |note| {
        note.title.set("Boiler B");
        note.visits.add(3);
        note.tags.insert("loud");
    })
    .await
    .unwrap();

    ann.sync_once(way.clone()).await.unwrap();
    bob.sync_once(way.clone()).await.unwrap();
    ann.sync_once(way).await.unwrap();

    let (at_ann, at_bob) = (ann.get(&id).await.unwrap(), bob.get(&id).await.unwrap());
    assert_eq!(at_ann, at_bob);
    let note = at_ann.unwrap();
    assert_eq!((note.visits, note.tags.len()), (5, 2));
    assert_eq!(ann.state_hash().await.unwrap(), bob.state_hash().await.unwrap());
    assert_eq!(ann.conflicts(0).await.unwrap().len(), 1);
}
