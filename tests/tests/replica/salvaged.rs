//! Parts of a space whose files are damaged.

use std::fs;
use std::path::Path;

use synckit::filter::Filter;
use synckit::id::Position;
use synckit::{Replica, registry};

use super::support::{Note, hub, note, read, replica};

async fn open(path: &Path) -> Result<Replica, synckit::Error> {
    let part = Replica::builder().registry(registry![Note]);
    part.filter(Filter::new().keyed::<Note>("7/")).salvage(true).open(path).await
}

/// Damages one block of a part that somebody else wrote, or the part itself, and opens it again.
async fn a_part_is_damaged(by_others: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone.redb");
    let (_hub, way) = hub();
    let office = replica().await;
    let phone = open(&path).await.unwrap();
    let long = "x".repeat(6_000);
    for round in 0..20 {
        for name in ["7/1", "8/1", "7/2", "8/2"] {
            office
                .edit(&note(name), |it| it.title.set(format!("office {round} {long}")))
                .await
                .unwrap();
            office.edit(&note(name), |it| it.visits.add(1)).await.unwrap();
        }
        office.sync_once(way.clone()).await.unwrap();
        phone.sync_once(way.clone()).await.unwrap();
        phone.edit(&note("7/1"), |it| it.title.set(format!("phone {round} {long}"))).await.unwrap();
        phone.sync_once(way.clone()).await.unwrap();
        office.sync_once(way.clone()).await.unwrap();
    }
    phone.edit(&note("7/2"), |it| it.title.set("not synced")).await.unwrap();
    let page = phone.store().read_after(phone.space(), Position::START).await.unwrap();
    let id = phone.id();
    let mut blocks = page.blocks.iter().map(|log| &log.block);
    let is_by = |run: &synckit::block::Run| (run.replica != id) == by_others;
    let block = blocks.find(|block| block.runs().iter().all(is_by)).unwrap().clone();
    phone.close().await.unwrap();
    let (mut bytes, header) = (fs::read(&path).unwrap(), &block.bytes()[..21]);
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(header)).collect();
    for place in &places {
        bytes[place + block.bytes().len() - 1] ^= 1;
    }
    assert!(!places.is_empty());
    fs::write(&path, bytes).unwrap();

    let phone = open(&path).await.unwrap();
    assert!(phone.store().salvaged().is_some());
    for _ in 0..2 {
        phone.sync_once(way.clone()).await.unwrap();
        office.sync_once(way.clone()).await.unwrap();
    }
    assert_eq!(read(&office, &note("7/2")).await.title, "not synced");
    assert_eq!(office.conflicts::<Note>(&[], None, 10).await.unwrap().len(), 0);
    let fresh = open(&folder.path().join("fresh.redb")).await.unwrap();
    fresh.sync_once(way).await.unwrap();
    for name in ["7/1", "7/2"] {
        assert_eq!(read(&phone, &note(name)).await, read(&office, &note(name)).await);
    }
    assert_eq!(phone.state_hash().await.unwrap(), fresh.state_hash().await.unwrap());
}

#[tokio::test]
async fn a_part_gets_back_what_others_wrote_and_keeps_its_own() {
    a_part_is_damaged(true).await;
}

#[tokio::test]
async fn a_part_gets_back_its_own_work_that_a_hub_has() {
    a_part_is_damaged(false).await;
}
