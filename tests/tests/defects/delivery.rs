//! Everything arrives, and nothing is acknowledged before it is stored (defects 1, 5, 6 and 9).

use std::sync::Arc;
use std::time::Duration;

use synckit::replica::LinkState;
use synckit::store::{EventStore, RedbOptions};
use synckit::testing::faults::FaultyDisk;
use synckit::transport::channel;
use synckit::{Hub, Id};

use super::support::{Note, hub, replica, way_to};

/// Defect 1: positions were each side's own row numbers, so clients that wrote offline lost data
/// forever.
#[tokio::test]
async fn defect_01_replicas_that_wrote_offline_lose_nothing() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    for n in 0..20 {
        ann.edit(&note(n), |note| note.visits.add(1)).await.unwrap();
        bob.edit(&note(n), |note| note.visits.add(100)).await.unwrap();
    }
    for replica in [&ann, &bob, &ann] {
        replica.sync_once(way.clone()).await.unwrap();
    }
    for replica in [&ann, &bob] {
        for n in 0..20 {
            assert_eq!(replica.get(&note(n)).await.unwrap().unwrap().visits, 101);
        }
    }
}

/// Defect 5: the server answered 200 for events it had failed to store, and a sync that failed said
/// nothing.
#[tokio::test]
async fn defect_05_what_the_hub_could_not_store_is_not_acknowledged() {
    let disk = FaultyDisk::new();
    let store = EventStore::open_on(Arc::new(disk.clone()), RedbOptions::hub()).unwrap();
    let hub = Hub::builder().over(Arc::new(store));
    let way = way_to(&hub);
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note(1), |note| note.visits.add(1)).await.unwrap();

    disk.full_at(0);
    let error = ann.sync_once(way.clone()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");

    disk.repair();
    assert_eq!(ann.sync_once(way.clone()).await.unwrap().pushed, 1);
    bob.sync_once(way).await.unwrap();
    assert_eq!(bob.get(&note(1)).await.unwrap().unwrap().visits, 1);
}

/// Defect 6: a redelivered event aborted the whole pull.
#[tokio::test]
async fn defect_06_events_that_arrive_twice_are_passed_over() {
    let ((_one, way_one), (_two, way_two)) = (hub(), hub());
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note(1), |note| note.visits.add(5)).await.unwrap();
    ann.sync_once(way_one.clone()).await.unwrap();
    ann.sync_once(way_two.clone()).await.unwrap();
    bob.sync_once(way_one).await.unwrap();
    ann.edit(&note(2), |note| note.visits.add(1)).await.unwrap();
    ann.sync_once(way_two.clone()).await.unwrap();
    // The second hub sends the first event again, and a new one behind it.
    bob.sync_once(way_two.clone()).await.unwrap();
    bob.sync_once(way_two).await.unwrap();
    assert_eq!(bob.get(&note(1)).await.unwrap().unwrap().visits, 5);
    assert_eq!(bob.get(&note(2)).await.unwrap().unwrap().visits, 1);
}

/// Defect 9: automatic sync waited a full interval before its first run, never retried, and died
/// with its first context.
#[tokio::test(start_paused = true)]
async fn defect_09_a_link_begins_at_once_retries_and_outlives_the_task_that_made_it() {
    let (way, mut listener) = channel();
    let ann = replica().await;
    ann.edit(&note(1), |note| note.visits.add(1)).await.unwrap();
    let linked = ann.clone();
    let mut link = tokio::spawn(async move { linked.connect(way).unwrap() }).await.unwrap();

    // The first two connections are dropped as soon as they are made.
    for _ in 0..2 {
        drop(listener.accept().await.unwrap());
    }
    link.wait_for(|status| matches!(status.state, LinkState::Waiting { .. })).await;
    let hub = Hub::builder().in_memory().unwrap();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    let status = link.wait_for(|status| status.state == LinkState::Live).await;
    assert!(status.sessions >= 3 && status.trouble.is_none(), "{status:?}");

    let bob = replica().await;
    bob.sync_once(way_to(&hub)).await.unwrap();
    assert_eq!(bob.get(&note(1)).await.unwrap().unwrap().visits, 1);
    // Still live: what happens next arrives without anyone asking.
    ann.edit(&note(2), |note| note.visits.add(1)).await.unwrap();
    let mut watch = bob.watch(&note(2)).unwrap();
    let _bobs = bob.connect(way_to(&hub)).unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(60), watch.next()).await;
    assert_eq!(seen.unwrap().unwrap().unwrap().visits, 1);
}

fn note(n: u32) -> Id<Note> {
    Id::named(&n.to_string()).unwrap()
}
