//! Backups, and hubs that sync with hubs.

use std::sync::Arc;

use synckit::filter::Filter;
use synckit::id::{Position, SpaceId};
use synckit::replica::SyncOptions;
use synckit::store::{EventStore, RedbOptions};
use synckit::sync::Direction;
use synckit::{Hub, Replica, registry};

use super::support::{Note, hub, note, read, replica, replica_in, way_to};

fn at(folder: &tempfile::TempDir, name: &str) -> EventStore {
    EventStore::open(folder.path().join(name), RedbOptions::default()).unwrap()
}

#[tokio::test]
async fn a_restored_backup_simply_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_hub, way) = hub();
    let till = replica_in(folder.path(), "till").await;
    till.edit(&note("a"), |it| it.title.set("first")).await.unwrap();
    till.sync_once(way.clone()).await.unwrap();
    till.edit(&note("b"), |it| it.visits.add(3)).await.unwrap();

    let backup = at(&folder, "backup.redb");
    let report = till.store().back_up(&backup).await.unwrap();
    assert_eq!((report.spaces, report.events), (1, 2));
    backup.close().await.unwrap();
    let (id, secret) = (till.id(), till.store().key().seed());
    let bytes = std::fs::read(folder.path().join("backup.redb")).unwrap();
    assert!(!bytes.windows(secret.len()).any(|part| part == secret), "it holds no other's secret");

    // The till writes on, and is lost with what it wrote.
    till.edit(&note("b"), |it| it.visits.add(4)).await.unwrap();
    till.sync_once(way.clone()).await.unwrap();
    till.edit(&note("b"), |it| it.visits.add(500)).await.unwrap();
    till.close().await.unwrap();
    let path = folder.path().join("till.redb");
    std::fs::rename(folder.path().join("backup.redb"), &path).unwrap();

    let restored = replica_in(folder.path(), "till").await;
    assert_ne!(restored.id(), id);
    assert_eq!(read(&restored, &note("a")).await.title, "first");
    assert_eq!(read(&restored, &note("b")).await.visits, 3);
    restored.edit(&note("b"), |it| it.visits.add(10)).await.unwrap();
    restored.sync_once(way.clone()).await.unwrap();
    assert_eq!(read(&restored, &note("b")).await.visits, 17);
    let other = replica().await;
    other.sync_once(way).await.unwrap();
    assert_eq!(read(&other, &note("b")).await.visits, 17);
    assert_eq!(other.status().await.unwrap().forks, []);
}

#[tokio::test]
async fn a_backup_of_a_backup_costs_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let till = replica().await;
    for number in 0..100 {
        till.edit(&note(&format!("{number}")), |it| it.visits.add(1)).await.unwrap();
    }
    let backup = at(&folder, "backup.redb");
    assert_eq!(till.store().back_up(&backup).await.unwrap().events, 100);
    assert_eq!(till.store().back_up(&backup).await.unwrap().events, 0);
    till.edit(&note("7"), |it| it.visits.add(1)).await.unwrap();
    backup.close().await.unwrap();
    let backup = at(&folder, "backup.redb");
    assert_eq!(till.store().back_up(&backup).await.unwrap().events, 1);
}

#[tokio::test]
async fn a_backup_goes_on_beside_many_writers_and_is_a_sound_log() {
    let folder = tempfile::tempdir().unwrap();
    let (hub, way) = hub();
    let mut offices = tokio::task::JoinSet::new();
    for office in 0..46 {
        let way = way.clone();
        offices.spawn(async move {
            let replica = replica().await;
            for day in 0..5 {
                let id = note(&format!("{}", (office + day) % 7));
                replica.edit(&id, |it| it.visits.add(1)).await.unwrap();
                replica.edit(&id, |it| it.title.set(format!("{office} on {day}"))).await.unwrap();
                replica.sync_once(way.clone()).await.unwrap();
            }
        });
    }
    let backup = at(&folder, "backup.redb");
    while !offices.is_empty() {
        hub.store().back_up(&backup).await.unwrap();
        while let Some(ended) = offices.try_join_next() {
            ended.unwrap();
        }
    }
    hub.store().back_up(&backup).await.unwrap();
    let space = SpaceId::default();
    assert_eq!(backup.head(&space).await.unwrap(), Position(46 * 5 * 2));
    let heads = |branches: synckit::branch::Branches| {
        let mut heads: Vec<_> = branches.heads().map(|head| head.chain).collect();
        heads.sort();
        heads
    };
    assert_eq!(
        heads(backup.branches(&space).await.unwrap()),
        heads(hub.store().branches(&space).await.unwrap()),
    );
    backup.close().await.unwrap();
    // A hub over the backup serves on.
    let restored = Hub::builder().open(folder.path().join("backup.redb")).await.unwrap();
    let late = replica().await;
    late.sync_once(way_to(&restored)).await.unwrap();
    let mut visits = 0;
    for name in 0..7 {
        visits += read(&late, &note(&format!("{name}"))).await.visits;
    }
    assert_eq!(visits, 46 * 5);
    restored.close().await.unwrap();
}

#[tokio::test]
async fn of_a_part_what_was_written_in_it_is_backed_up() {
    let (_hub, way) = hub();
    let office = replica().await;
    for name in ["7/1", "7/2", "8/1"] {
        office.edit(&note(name), |it| it.title.set(name)).await.unwrap();
    }
    office.sync_once(way.clone()).await.unwrap();
    let filter = Filter::new().keyed::<Note>("7/");
    let phone = Replica::builder().registry(registry![Note]).filter(filter.clone());
    let phone = phone.in_memory().await.unwrap();
    phone.sync_once(way.clone()).await.unwrap();
    phone.edit(&note("7/1"), |it| it.visits.add(1)).await.unwrap();
    let backup = Arc::new(EventStore::in_memory().unwrap());
    assert_eq!(phone.store().back_up(&backup).await.unwrap().events, 1);
    assert_eq!(phone.store().back_up(&backup).await.unwrap().events, 0);
    let restored = Replica::builder().registry(registry![Note]).filter(filter);
    let restored = restored.over(backup).await.unwrap();
    assert_eq!(read(&restored, &note("7/1")).await.visits, 1);
    let report = restored.sync_once(way.clone()).await.unwrap();
    assert_eq!((report.pushed, report.pulled), (1, 2));
    assert_eq!(read(&restored, &note("7/1")).await.title, "7/1");
    office.sync_once(way).await.unwrap();
    assert_eq!(read(&office, &note("7/1")).await.visits, 1);
}

#[tokio::test]
async fn a_hub_syncs_with_a_hub() {
    let ((left, to_left), (right, to_right)) = (hub(), hub());
    let (ann, bob) = (replica().await, replica().await);
    ann.edit(&note("a"), |it| it.title.set("by ann")).await.unwrap();
    bob.edit(&note("a"), |it| it.visits.add(1)).await.unwrap();
    ann.sync_once(to_left.clone()).await.unwrap();
    bob.sync_once(to_right.clone()).await.unwrap();
    let space = SpaceId::default();
    let push = SyncOptions::new().direction(Direction::Push);
    let report = left.sync_once(&space, to_right.clone(), push).await.unwrap();
    assert_eq!((report.pushed, report.pulled), (1, 0));
    let report = left.sync_once(&space, to_right.clone(), SyncOptions::new()).await.unwrap();
    assert_eq!((report.pushed, report.pulled), (0, 1));
    assert_eq!(right.store().head(&space).await.unwrap(), Position(2));
    ann.sync_once(to_left).await.unwrap();
    assert_eq!(read(&ann, &note("a")).await.visits, 1);
    left.close().await.unwrap();
    let error = left.sync_once(&space, to_right, SyncOptions::new()).await.unwrap_err();
    assert_eq!(error.code(), "closed");
}
