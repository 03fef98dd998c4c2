//! Replicas over redb files: what is acknowledged is there after whatever happens.

use std::sync::Arc;

use synckit::event::DecodeError;
use synckit::id::{Position, SpaceId};
use synckit::store::{EventStore, RedbOptions, StoreErrorKind};
use synckit::testing::faults::FaultyDisk;
use synckit::{ErrorKind, Hub, Replica, registry, sync_aggregate};

use super::support::{Note, hub, note, read, replica, replica_in};

#[tokio::test]
async fn a_replica_goes_on_where_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    let (me, id) = (ann.id(), note("n"));
    ann.edit(&id, |it| it.title.set("first")).await.unwrap();
    ann.close().await.unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    assert_eq!(ann.id(), me);
    ann.edit(&id, |it| it.visits.add(1)).await.unwrap();
    assert_eq!(read(&ann, &id).await, Note { title: "first".into(), visits: 1, ..Note::default() });
    assert_eq!(ann.status().await.unwrap().own_events, 2);
}

#[tokio::test]
async fn states_that_were_not_stored_are_folded_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.checkpoint().await.unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let hash = ann.state_hash().await.unwrap();
    // The store is closed below the replica: nothing more is stored, as in a crash.
    ann.store().close().await.unwrap();
    drop(ann);
    let ann = replica_in(folder.path(), "ann").await;
    assert_eq!(read(&ann, &note("n")).await.visits, 2);
    assert_eq!(ann.state_hash().await.unwrap(), hash);
}

#[tokio::test]
async fn a_program_that_learns_a_type_folds_what_was_parked() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.visits.add(4)).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();

    let path = folder.path().join("bob.redb");
    let bob = Replica::builder().registry(registry![]).open(&path).await.unwrap();
    bob.sync_once(way).await.unwrap();
    assert_eq!(bob.status().await.unwrap().parked, 1);
    bob.close().await.unwrap();

    // What is parked is listed whenever it is asked for, also after it was met.
    let bob = Replica::builder().registry(registry![]).open(&path).await.unwrap();
    assert_eq!(bob.status().await.unwrap().parked, 1, "counted, too");
    let parked = bob.parked(Position::START).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].event.name.as_str(), "note.visits_added");
    assert!(matches!(parked[0].reason, DecodeError::Unknown { .. }), "{}", parked[0].reason);
    assert!(bob.parked(parked[0].position).await.unwrap().is_empty());
    bob.close().await.unwrap();

    let bob = Replica::builder().registry(registry![Note]).open(&path).await.unwrap();
    assert_eq!(read(&bob, &note("n")).await.visits, 4);
    assert!(bob.parked(Position::START).await.unwrap().is_empty());
    assert_eq!(bob.status().await.unwrap().parked, 0);
    assert_eq!(bob.state_hash().await.unwrap(), ann.state_hash().await.unwrap());
}

#[tokio::test]
async fn an_event_of_a_later_version_survives_a_program_that_does_not_know_it() {
    #[sync_aggregate(name = "note", version = 2, lock = none)]
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Note2 {
        #[merge(counter)]
        visits: i64,
        #[merge(lww)]
        colour: String,
    }
    let (_hub, way) = hub();
    let late = Replica::builder().registry(registry![Note2]).in_memory().await.unwrap();
    let id = synckit::Id::<Note2>::named("n").unwrap();
    late.edit(&id, |it| it.colour.set("red")).await.unwrap();
    late.sync_once(way.clone()).await.unwrap();
    let (early, other) = (replica().await, Replica::builder().registry(registry![Note2]));
    early.sync_once(way.clone()).await.unwrap();
    early.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    early.sync_once(way.clone()).await.unwrap();
    let other = other.in_memory().await.unwrap();
    other.sync_once(way).await.unwrap();
    assert_eq!(other.get(&id).await.unwrap().unwrap(), Note2 { visits: 1, colour: "red".into() });
}

#[tokio::test]
async fn a_file_in_use_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let _ann = replica_in(folder.path(), "ann").await;
    let again = Replica::builder().open(folder.path().join("ann.redb")).await.unwrap_err();
    assert_eq!(*again.kind(), ErrorKind::Store(StoreErrorKind::OpenHere));
    assert!(again.to_string().contains("ann.redb"), "{again}");
}

#[tokio::test]
async fn a_replica_whose_disk_is_full_says_so_and_goes_on_when_there_is_space() {
    let disk = FaultyDisk::new();
    let store = EventStore::open_on(Arc::new(disk.clone()), RedbOptions::default()).unwrap();
    let ann = Replica::builder().registry(registry![Note]).over(Arc::new(store)).await.unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    disk.full_at(0);
    let error = ann.edit(&note("n"), |it| it.visits.add(10)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Store(StoreErrorKind::DiskFull), "{error}");
    assert_eq!(read(&ann, &note("n")).await.visits, 1);
    disk.repair();
    ann.edit(&note("n"), |it| it.visits.add(100)).await.unwrap();
    assert_eq!(read(&ann, &note("n")).await.visits, 101);
    assert_eq!(ann.status().await.unwrap().own_events, 2);
}

#[tokio::test]
async fn a_full_disk_keeps_nobody_from_opening_what_is_there() {
    let disk = FaultyDisk::new();
    let store = EventStore::open_on(Arc::new(disk.clone()), RedbOptions::default()).unwrap();
    let space = SpaceId::default();
    disk.full_at(0);
    let ann = Replica::builder().registry(registry![Note]).over(Arc::new(store)).await.unwrap();
    assert_eq!(ann.get(&note("n")).await.unwrap(), None);
    assert_eq!(ann.store().types(&space).await.unwrap(), []);
    disk.repair();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.close().await.unwrap();
    let store = EventStore::open_on(Arc::new(disk), RedbOptions::default()).unwrap();
    let ann = Replica::builder().registry(registry![Note]).over(Arc::new(store)).await.unwrap();
    let told = ann.store().types(&space).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].as_str().contains("`note."));
}

#[tokio::test]
async fn a_restored_copy_goes_on_under_a_key_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("ann.redb"), folder.path().join("copy.redb"));
    let (_hub, way) = hub();
    let ann = replica_in(folder.path(), "ann").await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.close().await.unwrap();
    std::fs::copy(&file, &copy).unwrap();
    let ann = replica_in(folder.path(), "ann").await;
    ann.edit(&note("n"), |it| it.visits.add(2)).await.unwrap();
    ann.sync_once(way.clone()).await.unwrap();
    let before = ann.id();
    ann.close().await.unwrap();

    std::fs::rename(&copy, &file).unwrap();
    let restored = replica_in(folder.path(), "ann").await;
    // What it writes before it has met anybody takes no number that is taken.
    assert_ne!(restored.id(), before);
    restored.edit(&note("n"), |it| it.visits.add(100)).await.unwrap();
    restored.sync_once(way.clone()).await.unwrap();
    assert_eq!(read(&restored, &note("n")).await.visits, 103);

    let bob = replica().await;
    bob.sync_once(way).await.unwrap();
    assert_eq!(read(&bob, &note("n")).await.visits, 103);
    for replica in [&bob, &restored] {
        assert_eq!(replica.status().await.unwrap().forks, []);
    }
    assert_eq!(restored.status().await.unwrap().earlier_keys, 1);
}

#[tokio::test]
async fn a_hub_goes_on_where_it_was_shut_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.redb");
    let ann = replica().await;
    let hub = Hub::builder().open(&path).await.unwrap().serve("127.0.0.1:0").await.unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(hub.url()).await.unwrap();
    hub.shut_down().await.unwrap();

    let hub = Hub::builder().open(&path).await.unwrap().serve("127.0.0.1:0").await.unwrap();
    let again = ann.sync_once(hub.url()).await.unwrap();
    assert_eq!((again.pushed, again.pulled), (0, 0));
    let bob = replica().await;
    assert_eq!(bob.sync_once(hub.url()).await.unwrap().pulled, 1);
    hub.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_hub_that_lost_its_file_is_given_everything_again() {
    let folder = tempfile::tempdir().unwrap();
    let ann = replica().await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    for name in ["one.redb", "two.redb"] {
        let hub = Hub::builder().open(folder.path().join(name)).await.unwrap();
        let hub = hub.serve("127.0.0.1:0").await.unwrap();
        assert_eq!(ann.sync_once(hub.url()).await.unwrap().pushed, 1);
        hub.shut_down().await.unwrap();
    }
}

#[tokio::test]
async fn a_hub_restored_from_an_older_copy_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("hub.redb"), folder.path().join("copy.redb"));
    let (ann, bob) = (replica().await, replica().await);
    let open = async || {
        let hub = Hub::builder().open(&file).await.unwrap();
        hub.serve("127.0.0.1:0").await.unwrap()
    };
    let hub = open().await;
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(hub.url()).await.unwrap();
    hub.shut_down().await.unwrap();
    std::fs::copy(&file, &copy).unwrap();
    let hub = open().await;
    bob.edit(&note("n"), |it| it.visits.add(10)).await.unwrap();
    bob.sync_once(hub.url()).await.unwrap();
    ann.sync_once(hub.url()).await.unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(hub.url()).await.unwrap();
    hub.shut_down().await.unwrap();

    std::fs::rename(&copy, &file).unwrap();
    let hub = open().await;
    for replica in [&ann, &bob] {
        replica.sync_once(hub.url()).await.unwrap();
    }
    let carol = replica().await;
    carol.sync_once(hub.url()).await.unwrap();
    for replica in [&ann, &bob, &carol] {
        assert_eq!(read(replica, &note("n")).await.visits, 12);
    }
    hub.shut_down().await.unwrap();
}
