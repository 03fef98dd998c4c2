//! A replica's own work that is elsewhere, or not, and what happens to a replica.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use synckit::replica::{LinkState, Reach, ReplicaEvent, ReplicaEvents, SyncOptions};
use synckit::sync::Direction;
use synckit::transport::channel;
use synckit::{ErrorKind, Hub, Replica};

use super::support::{hub, note, replica, replica_in, way_to};

async fn visit(replica: &Replica, times: usize) {
    for _ in 0..times {
        replica.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    }
}

#[tokio::test]
async fn own_events_are_pending_until_a_peer_holds_them() {
    let ((_one, first), (_two, second)) = (hub(), hub());
    let (ann, bob) = (replica().await, replica().await);
    assert_eq!(ann.pending().await.unwrap(), 0);
    visit(&ann, 3).await;
    assert_eq!(ann.pending().await.unwrap(), 3);
    assert_eq!(ann.status().await.unwrap().pending, 3);
    assert_eq!(ann.peers().await.unwrap(), []);

    ann.sync_once(first.clone()).await.unwrap();
    assert_eq!(ann.pending().await.unwrap(), 0);
    visit(&ann, 2).await;
    ann.sync_once(second.clone()).await.unwrap();
    let peers = ann.peers().await.unwrap();
    let mut pending: Vec<_> = peers.iter().map(|peer| (peer.is_hub, peer.pending)).collect();
    pending.sort_unstable();
    assert_eq!(pending, [(true, 0), (true, 2)]);
    assert_eq!(ann.pending().await.unwrap(), 0, "the second hub holds them");

    // Others' events are not hers, and what a peer brings it holds.
    visit(&bob, 5).await;
    bob.sync_once(first.clone()).await.unwrap();
    ann.sync_once_with(first, SyncOptions::new().direction(Direction::Pull)).await.unwrap();
    assert_eq!(ann.pending().await.unwrap(), 0);
    let peers = ann.peers().await.unwrap();
    assert_eq!(peers.iter().map(|peer| peer.pending).max(), Some(2), "fetching sends nothing");
}

#[tokio::test]
async fn what_is_pending_is_known_offline_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let ann = replica_in(folder.path(), "ann").await;
    visit(&ann, 2).await;
    ann.sync_once(way.clone()).await.unwrap();
    visit(&ann, 1).await;
    ann.close().await.unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    assert_eq!(ann.pending().await.unwrap(), 1);
    let peers = ann.peers().await.unwrap();
    assert_eq!((peers.len(), peers[0].acknowledged.0, peers[0].pending), (1, 2, 1));
    ann.sync_once(way).await.unwrap();
    drop(ann);
    // The end of a session is enough: nobody need close the file in good order.
    let copy = folder.path().join("copy.redb");
    while fs::copy(folder.path().join("ann.redb"), &copy).is_err() {}
    let ann = replica_in(folder.path(), "copy").await;
    assert_eq!(ann.pending().await.unwrap(), 0);
}

/// The events that a file held before it was found to be a copy are its own, too.
#[tokio::test]
async fn work_under_an_earlier_key_is_pending_like_all_other() {
    let folder = tempfile::tempdir().unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    visit(&ann, 2).await;
    ann.close().await.unwrap();
    fs::copy(folder.path().join("ann.redb"), folder.path().join("copy.redb")).unwrap();
    let copy = replica_in(folder.path(), "copy").await;
    visit(&copy, 1).await;
    let status = copy.status().await.unwrap();
    assert_eq!((status.earlier_keys, status.own_events, status.pending), (1, 1, 3));
    assert_eq!(copy.store().own_keys().len(), 2);
    let (_hub, way) = hub();
    copy.sync_once(way).await.unwrap();
    assert_eq!(copy.pending().await.unwrap(), 0);
}

#[tokio::test]
async fn a_hub_that_lost_what_it_had_acknowledged_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.redb");
    let old = Hub::builder().open(&path).await.unwrap();
    let ann = replica().await;
    visit(&ann, 1).await;
    ann.sync_once(way_to(&old)).await.unwrap();
    old.close().await.unwrap();
    fs::copy(&path, folder.path().join("backup.redb")).unwrap();
    let old = Hub::builder().open(&path).await.unwrap();
    visit(&ann, 1).await;
    ann.sync_once(way_to(&old)).await.unwrap();
    old.close().await.unwrap();
    fs::copy(folder.path().join("backup.redb"), &path).unwrap();

    let restored = Hub::builder().open(&path).await.unwrap();
    assert_eq!(ann.pending().await.unwrap(), 0, "as far as she knows");
    assert_eq!(ann.sync_once(way_to(&restored)).await.unwrap().pushed, 1);
    assert_eq!(ann.pending().await.unwrap(), 0);
}

#[tokio::test]
async fn the_number_of_pending_events_is_watched() {
    let (_hub, way) = hub();
    let ann = replica().await;
    let mut watch = ann.watch_pending();
    assert_eq!(watch.next().await.unwrap(), 0);
    visit(&ann, 2).await;
    assert_eq!(watch.next().await.unwrap(), 2);
    let link = ann.connect(way).unwrap();
    while watch.next().await.unwrap() > 0 {}
    link.end().await.unwrap();
    visit(&ann, 1).await;
    assert_eq!(watch.next().await.unwrap(), 1);
    let waiting = tokio::spawn(async move { watch.next().await });
    tokio::task::yield_now().await;
    ann.close().await.unwrap();
    assert_eq!(*waiting.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn work_is_flushed_to_a_hub_and_to_one_peer() {
    let (_hub, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    let bobs = Hub::builder().over(Arc::new(bob.store().share().unwrap()));
    visit(&ann, 1).await;
    let flushed = tokio::spawn({
        let ann = ann.clone();
        async move { ann.flush(Reach::Hub).await }
    });
    ann.sync_once(way.clone()).await.unwrap();
    flushed.await.unwrap().unwrap();
    ann.flush(Reach::Peer).await.unwrap();

    let at_bobs = ann.flush(Reach::Replica(bob.id()));
    assert!(tokio::time::timeout(Duration::from_millis(20), at_bobs).await.is_err());
    let _link = ann.connect(way_to(&bobs).named("bob")).unwrap();
    ann.flush(Reach::Replica(bob.id())).await.unwrap();

    // Live, each edit is flushed soon after it was made, and a closed replica says so.
    for _ in 0..3 {
        visit(&ann, 1).await;
        ann.flush(Reach::Replica(bob.id())).await.unwrap();
        assert_eq!(bob.status().await.unwrap().events, ann.status().await.unwrap().events);
    }
    visit(&ann, 1).await;
    let flushed = tokio::spawn({
        let ann = ann.clone();
        async move { ann.flush(Reach::Replica(ann.id())).await }
    });
    tokio::task::yield_now().await;
    ann.close().await.unwrap();
    assert_eq!(*flushed.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

async fn until_ended(events: &mut ReplicaEvents) -> Vec<ReplicaEvent> {
    let mut told = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        let is_end = matches!(event, ReplicaEvent::SessionEnded { .. });
        told.push(event);
        if is_end {
            return told;
        }
    }
}

#[tokio::test]
async fn a_session_tells_its_milestones_and_its_report() {
    let (served, way) = hub();
    let (ann, bob) = (replica().await, replica().await);
    for (replica, title) in [(&ann, "ann's"), (&bob, "bob's")] {
        replica.edit(&note("n"), |it| it.title.set(title)).await.unwrap();
    }
    bob.sync_once(way.clone()).await.unwrap();
    let mut events = ann.events();
    let report = ann.sync_once(way.clone()).await.unwrap();
    assert_eq!((report.pushed, report.pulled, report.conflicts, report.parked), (1, 1, 1, 0));
    let (address, peer) = ("channel".to_owned(), served.store().key().id());
    let mut told = until_ended(&mut events).await;
    // It opens when the events are folded, which may be before or after both sides are caught up.
    let open = ReplicaEvent::Conflicts { open: 1 };
    let place = told.iter().position(|event| *event == open).unwrap();
    told.remove(place);
    let connected = ReplicaEvent::Connected { address: address.clone(), peer };
    let caught_up = ReplicaEvent::CaughtUp { address: address.clone(), peer };
    let ended = ReplicaEvent::SessionEnded { address, report, trouble: None };
    assert_eq!(told, [connected, caught_up, ended]);

    // A failure is told with its reason.
    let (nowhere, listener) = channel();
    drop(listener);
    let mut events = ann.events();
    let error = ann.sync_once(nowhere).await.unwrap_err();
    let told = until_ended(&mut events).await;
    let Some(ReplicaEvent::SessionEnded { trouble: Some(trouble), report, .. }) = told.last()
    else {
        panic!("{told:?}")
    };
    assert_eq!((trouble.code, &trouble.error), (error.code(), &format!("{error:#}")));
    assert_eq!((report.pushed, report.pulled), (0, 0));
    ann.close().await.unwrap();
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn whoever_does_not_listen_for_long_is_told_how_much_was_missed() {
    let ann = replica().await;
    let mut events = ann.events();
    for _ in 0..300 {
        let (nowhere, listener) = channel();
        drop(listener);
        ann.sync_once(nowhere).await.unwrap_err();
    }
    assert_eq!(events.next().await, Some(ReplicaEvent::Missed { count: 44 }));
    assert!(matches!(events.next().await, Some(ReplicaEvent::SessionEnded { .. })));
}

#[tokio::test]
async fn a_fork_and_another_key_are_told() {
    let (_hub, way) = hub();
    let ann = Replica::builder().registry(synckit::registry![super::support::Note]);
    let seed = [7; 32];
    let store = || Arc::new(synckit::store::EventStore::in_memory_as(&seed));
    let (one, two) = (store(), store());
    let (ann, twin) = (ann.clone().over(one).await.unwrap(), ann.over(two).await.unwrap());
    visit(&ann, 1).await;
    visit(&twin, 2).await;
    let mut events = twin.events();
    ann.sync_once(way.clone()).await.unwrap();
    let mut link = twin.connect(way).unwrap();
    link.wait_for(|status| status.state == LinkState::Live).await;
    let (mut forked, mut key) = (false, None);
    while !forked || key.is_none() {
        match events.next().await.unwrap() {
            ReplicaEvent::Forked => forked = true,
            ReplicaEvent::KeyChanged { key: to } => key = Some(to),
            _ => {}
        }
    }
    assert_eq!(key, Some(twin.id()));
}
