//! Files in which bits flip: what can be read is saved, peers give back the rest, and what nobody
//! can give back is named.

use std::fs;

use synckit::block::Block;
use synckit::id::Position;
use synckit::replica::LinkState;
use synckit::store::{EventRange, StoreErrorKind};
use synckit::{ErrorKind, Hub, Replica, registry};

use super::support::{
    Book, Disk, assert_agree, assert_all_agree, book, hub_in_memory, in_memory, settle, sync,
    visit, way_to,
};

const EDITS: usize = 300;
/// Events of an edit.
const EVENTS: u64 = 3;

#[tokio::test]
async fn of_300_edits_that_were_never_synced_one_damaged_block_costs_one() {
    let (disk, hub) = (Disk::new(), hub_in_memory());
    let ann = disk.replica("ann").await;
    for n in 0..EDITS {
        visit(&ann, &format!("{n:03}")).await;
    }
    let (me, blocks) = (ann.id(), blocks_of(&ann).await);
    ann.close().await.unwrap();
    flip(&disk, "ann", &blocks[150]);
    let error = open(&disk, "ann", false).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Store(StoreErrorKind::Corrupt), "{error:?}");
    assert!(error.to_string().contains("salvage"), "{error}");
    let damaged = fs::read(disk.file("ann")).unwrap();

    let ann = open(&disk, "ann", true).await.unwrap();
    let report = ann.store().salvaged().unwrap().clone();
    assert_eq!(fs::read(&report.damaged).unwrap(), damaged, "it is kept as it was");
    let range = |first, last| EventRange { author: me, first, last };
    let [space] = &report.spaces[..] else { panic!("{report}") };
    assert_eq!(space.events, 150 * EVENTS);
    assert_eq!(
        space.lost,
        [range(150 * EVENTS + 1, 151 * EVENTS)],
        "the one that is lost is named"
    );
    assert_eq!(space.left, [range(151 * EVENTS + 1, 300 * EVENTS)]);
    assert_ne!(ann.id(), me, "no number is given twice");

    // Work goes on, and everything that stands before the damage arrives.
    visit(&ann, "after the damage").await;
    let bob = in_memory().await;
    let mut visits: Vec<_> = (0..EDITS).map(|n| format!("{n:03}")).collect();
    visits[150] = "after the damage".into();
    let visits: Vec<_> = visits.iter().map(String::as_str).collect();
    assert_all_agree(&hub, &[&ann, &bob], &visits[..151]).await;
    assert_eq!(ann.store().left(ann.space()).await.unwrap(), space.left, "they are kept");

    // Nobody has the lost one, so the others are written again, and arrive as well.
    let rewritten = ann.store().rewrite_left(ann.space(), &report.author.unwrap()).await.unwrap();
    assert_eq!(rewritten, 149 * EVENTS);
    assert_eq!(ann.store().left(ann.space()).await.unwrap(), []);
    let forks = assert_all_agree(&hub, &[&ann, &bob], &visits).await;
    assert!(forks.is_empty(), "{forks:?}");
}

#[tokio::test]
async fn a_damaged_block_that_a_peer_has_comes_back_and_everything_behind_it_counts() {
    let (disk, hub) = (Disk::new(), hub_in_memory());
    let (ann, bob) = (disk.replica("ann").await, in_memory().await);
    let mut visits = Vec::new();
    for n in 0..EDITS / 4 {
        visits.push(format!("{n:03}"));
        visit(&ann, &visits[n]).await;
        if n == 40 {
            settle(&hub, &[&ann, &bob]).await;
        }
    }
    let blocks = blocks_of(&ann).await;
    ann.close().await.unwrap();
    flip(&disk, "ann", &blocks[20]);
    flip(&disk, "ann", &blocks[35]);
    let ann = open(&disk, "ann", true).await.unwrap();
    visits.push("after the damage".into());
    visit(&ann, "after the damage").await;
    let visits: Vec<_> = visits.iter().map(String::as_str).collect();
    let forks = assert_all_agree(&hub, &[&ann, &bob], &visits).await;
    assert!(forks.is_empty(), "{forks:?}");
    assert_eq!(ann.store().left(ann.space()).await.unwrap(), []);

    // It is there after the next opening, too.
    ann.close().await.unwrap();
    let ann = disk.replica("ann").await;
    assert!(ann.store().salvaged().is_none());
    assert_agree(&[&ann, &bob], &visits).await;
}

#[tokio::test]
async fn a_hub_with_a_damaged_block_mends_its_file_while_it_runs() {
    let disk = Disk::new();
    let (ann, bob) = (in_memory().await, in_memory().await);
    let hub = disk.hub("hub").await;
    let mut visits = Vec::new();
    for n in 0..20 {
        visits.extend([format!("a{n:02}"), format!("b{n:02}")]);
        visit(&ann, &visits[2 * n]).await;
        visit(&bob, &visits[2 * n + 1]).await;
        sync(&ann, &hub).await;
        sync(&bob, &hub).await;
    }
    let visits: Vec<_> = visits.iter().map(String::as_str).collect();
    let key = hub.store().key().id();
    let blocks = blocks_of_hub(&hub).await;
    hub.close().await.unwrap();
    flip(&disk, "hub", &blocks[13]);

    // Nothing is noticed before somebody asks for what is damaged.
    let hub = disk.hub("hub").await;
    assert!(hub.store().salvaged().is_none());
    let cleo = in_memory().await;
    let mut link = cleo.connect(way_to(&hub)).unwrap();
    link.wait_for(|status| status.state == LinkState::Live && status.progress.caught_up).await;
    let report = hub.store().salvaged().cloned().unwrap();
    assert!(report.damaged.exists(), "{report}");
    assert_eq!(hub.store().key().id(), key, "it wrote nothing, and stays who it is");
    // Ann and Bob give back what is missing, and nothing is asked of anybody.
    assert_all_agree(&hub, &[&ann, &bob], &visits).await;
    let mut watch = cleo.watch(&book()).unwrap();
    while watch.next().await.unwrap().unwrap().visits < 40 {}
    link.end().await.unwrap();
    assert_agree(&[&cleo, &ann], &visits).await;
    assert_eq!(hub.store().left(ann.space()).await.unwrap(), []);
    hub.close().await.unwrap();
}

#[tokio::test]
async fn a_hub_whose_file_does_not_open_mends_it_at_the_start() {
    for damage in ["the first page", "the second half", "every hundredth byte"] {
        let disk = Disk::new();
        let (ann, bob) = (in_memory().await, in_memory().await);
        let hub = disk.hub("hub").await;
        let mut visits = Vec::new();
        for n in 0..10 {
            visits.push(format!("{n}"));
            visit(&ann, &visits[n]).await;
            settle(&hub, &[&ann, &bob]).await;
        }
        hub.close().await.unwrap();
        let mut bytes = fs::read(disk.file("hub")).unwrap();
        let half = bytes.len() / 2;
        match damage {
            "the first page" => bytes[..4_096].fill(0),
            "the second half" => bytes[half..].fill(0xee),
            _ => bytes.iter_mut().step_by(100).for_each(|byte| *byte ^= 0x10),
        }
        fs::write(disk.file("hub"), bytes).unwrap();
        let mut visits: Vec<_> = visits.iter().map(String::as_str).collect();
        match Hub::builder().open(disk.file("hub")).await {
            Ok(hub) => {
                visit(&bob, "after the damage").await;
                visits.push("after the damage");
                assert_all_agree(&hub, &[&ann, &bob], &visits).await;
            }
            // Nothing whatever can be read of it: it is not even known for a store.
            Err(error) => assert_eq!(
                (error.code(), damage),
                ("store.not_a_store", "every hundredth byte"),
                "{error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn a_hub_that_may_not_mend_its_file_says_so_and_serves_what_it_can() {
    let disk = Disk::new();
    let (ann, bob) = (in_memory().await, in_memory().await);
    let hub = disk.hub("hub").await;
    for n in 0..10 {
        visit(&ann, &format!("{n}")).await;
        sync(&ann, &hub).await;
    }
    let blocks = blocks_of_hub(&hub).await;
    hub.close().await.unwrap();
    flip(&disk, "hub", &blocks[3]);
    let hub = Hub::builder().salvage(false).open(disk.file("hub")).await.unwrap();
    let served = hub.clone().serve("127.0.0.1:0").await.unwrap();
    let (address, url) = (served.address().to_string(), served.url());
    let mut link = bob.connect(url.clone()).unwrap();
    let trouble = link.wait_for(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert!(
        trouble.error.contains("its file is damaged or gone, and whoever runs it"),
        "{trouble:?}"
    );
    assert!(trouble.is_retryable);
    let error = hub.failed().await;
    assert_eq!(error.kind(), &ErrorKind::Store(StoreErrorKind::Corrupt), "{error:?}");
    // Who needs nothing of what is damaged is served.
    visit(&ann, "10").await;
    ann.sync_once(url).await.unwrap();
    served.shut_down().await.unwrap();

    // Whoever runs it lets it mend its file, and the link finds that by itself.
    let hub = disk.hub("hub").await;
    let served = hub.clone().serve(&address).await.unwrap();
    assert_eq!(hub.store().head(ann.space()).await.unwrap(), Position(11 * EVENTS));
    let live = link.wait_for(|status| status.state == LinkState::Live).await;
    assert_eq!(live.trouble, None);
    assert!(hub.store().salvaged().is_some());
    ann.sync_once(served.url()).await.unwrap();
    let mut watch = bob.watch(&book()).unwrap();
    while watch.next().await.unwrap().unwrap().visits < 11 {}
    link.end().await.unwrap();
    served.shut_down().await.unwrap();
}

/// Elsewhere than on Unix an open file is not deleted.
#[cfg(unix)]
#[tokio::test]
async fn a_hub_whose_file_is_deleted_says_so_and_makes_no_other() {
    let (disk, ann) = (Disk::new(), in_memory().await);
    let hub = disk.hub("hub").await;
    visit(&ann, "1").await;
    sync(&ann, &hub).await;
    disk.delete("hub");
    visit(&ann, "2").await;
    ann.sync_once(way_to(&hub)).await.unwrap_err();
    let error = hub.failed().await;
    assert_eq!(error.kind(), &ErrorKind::Store(StoreErrorKind::Gone), "{error:?}");
    assert!(!disk.file("hub").exists(), "a person has to say which file is right");
    hub.close().await.unwrap();
    assert_all_agree(&disk.hub("hub").await, &[&ann], &["1", "2"]).await;
}

/// Opens a replica's file.
async fn open(disk: &Disk, name: &str, salvage: bool) -> Result<Replica, synckit::Error> {
    let builder = Replica::builder().registry(registry![Book]).salvage(salvage);
    builder.open(disk.file(name)).await
}

/// The blocks of a replica's log.
async fn blocks_of(replica: &Replica) -> Vec<Block> {
    let page = replica.store().read_after(replica.space(), Position::START).await.unwrap();
    assert_eq!(page.through, page.head);
    page.blocks.into_iter().map(|log| log.block).collect()
}

/// The blocks of a hub's log.
async fn blocks_of_hub(hub: &Hub) -> Vec<Block> {
    let page = hub.store().read_after(&Default::default(), Position::START).await.unwrap();
    assert_eq!(page.through, page.head);
    page.blocks.into_iter().map(|log| log.block).collect()
}

/// Flips a bit in every copy of a block that a closed file holds.
fn flip(disk: &Disk, name: &str, block: &Block) {
    let (mut bytes, header) = (fs::read(disk.file(name)).unwrap(), &block.bytes()[..21]);
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(header)).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place + block.bytes().len() - 1] ^= 1;
    }
    fs::write(disk.file(name), bytes).unwrap();
}
