//! Logs whose first events were pruned.

use std::sync::Arc;

use synckit::id::Position;
use synckit::store::EventStore;
use synckit::{Replica, registry};

use super::support::{Note, hub, note, read, replica};

#[tokio::test]
async fn a_replica_opens_over_a_log_that_begins_later() {
    let store = Arc::new(EventStore::in_memory().unwrap());
    let open = || Replica::builder().registry(registry![Note]).over(Arc::clone(&store));
    let ann = open().await.unwrap();
    let space = ann.space().clone();
    for _ in 0..3 {
        ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    }
    ann.checkpoint().await.unwrap();
    ann.close().await.unwrap();
    let begins = store.prune(&space, Position(u64::MAX)).await.unwrap();
    assert_eq!(begins, store.head(&space).await.unwrap());
    let ann = open().await.unwrap();
    assert_eq!(read(&ann, &note("n")).await.visits, 3);
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    assert_eq!(read(&ann, &note("n")).await.visits, 4);
}

#[tokio::test]
async fn a_peer_that_has_followed_the_log_goes_on_after_it_was_pruned() {
    let (hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    for replica in [&ann, &bob] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    let begins = hub.store().prune(ann.space(), Position(u64::MAX)).await.unwrap();
    assert!(begins > Position::START);
    ann.edit(&note("n"), |it| it.visits.add(2)).await.unwrap();
    bob.edit(&note("n"), |it| it.visits.add(4)).await.unwrap();
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    for replica in [&ann, &bob] {
        assert_eq!(read(replica, &note("n")).await.visits, 7);
    }
}
