//! Replicas and a hub sync over a transport that they have never heard of.

use std::sync::Arc;

use synckit::id::Key;
use synckit::{Hub, Id, Replica, registry, sync_aggregate};

use super::toy;

#[sync_aggregate(name = "note")]
#[derive(Clone, Debug, Default, PartialEq)]
struct Note {
    #[merge(lww)]
    title: String,
    #[merge(counter)]
    visits: i64,
}

#[tokio::test]
async fn what_ann_writes_reaches_bob_over_a_toy() {
    let hub = Hub::builder().in_memory().unwrap();
    let address = toy::listen(Arc::new(hub)).await;
    let (ann, bob) = (replica().await, replica().await);
    let note = Id::<Note>::new(Key::new(b"n").unwrap());
    ann.edit(&note, |it| it.title.set("milk")).await.unwrap();
    bob.edit(&note, |it| it.visits.add(2)).await.unwrap();
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(toy::toy(address)).await.unwrap();
    }
    for replica in [&ann, &bob] {
        let read = replica.get(&note).await.unwrap();
        assert_eq!(read, Some(Note { title: "milk".to_owned(), visits: 2 }));
    }
}

async fn replica() -> Replica {
    Replica::builder().registry(registry![Note]).in_memory().await.unwrap()
}
