//! Salvage: whatever became of a file, what can be read of it is saved, and the rest is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use synckit::Replica;
use synckit::block::{Block, BlockPacker};
use synckit::chain::CommitId;
use synckit::id::{Position, SpaceId};
use synckit::log::Source;
use synckit::store::{Batch, EventRange, EventStore, RedbOptions, SalvageReport, StoreErrorKind};
use synckit::testing::faults::FaultyDisk;
use synckit::testing::{Author, batch, pack};
use tempfile::TempDir;

use crate::damage::silence_redb;
use crate::support::open_on;

const PAGE_BYTES: usize = 4_096;
/// The first byte of a page of redb with rows.
const LEAF: u8 = 1;

#[tokio::test]
async fn a_sound_file_is_salvaged_whole_and_keeps_its_key() {
    let story = Story::of(40).await;
    let (store, report) = EventStore::salvage_bytes(story.image.clone()).await.unwrap();
    assert!(report.is_whole && report.keeps_key, "{report}");
    assert_eq!(store.key().id(), story.key.id());
    story.assert_complete(&store).await;
}

#[tokio::test]
async fn what_follows_a_damaged_block_waits_and_is_admitted_when_that_comes_back() {
    let mut story = Story::of(60).await;
    story.destroy(29);
    let (store, report) = EventStore::salvage_bytes(story.image.clone()).await.unwrap();
    assert!(!report.is_whole && !report.keeps_key, "{report}");
    assert_ne!(store.key().id(), story.key.id(), "numbers are not given twice");
    let [space] = &report.spaces[..] else { panic!("{report}") };
    let of_author = |first, last| EventRange { author: story.key.id(), first, last };
    assert_eq!(space.events, 29);
    assert_eq!(space.lost, [of_author(30, 30)]);
    assert_eq!(space.left, [of_author(31, 60)]);
    assert_eq!(store.left(&SpaceId::default()).await.unwrap(), space.left);

    // Something else arrives, and nothing changes.
    store.commit(batch([&Author::new(8).write("unrelated")])).await.unwrap();
    assert_eq!(store.left(&SpaceId::default()).await.unwrap(), space.left);
    // A peer has the block.
    let returned = store.commit(from_peer(&story.blocks[29])).await.unwrap();
    assert_eq!((returned.appended, returned.head), (1, Position(31)));
    assert_eq!(store.left(&SpaceId::default()).await.unwrap(), []);
    story.assert_complete(&store).await;
}

#[tokio::test]
async fn several_gaps_close_one_by_one_even_after_the_store_was_opened_again() {
    let mut story = Story::of(50).await;
    let gaps = [9, 19, 20, 39];
    gaps.iter().for_each(|gap| story.destroy(*gap));
    let folder = Folder::holding(&story.image);
    let report = EventStore::salvage(folder.path(), folder.fresh()).await.unwrap();
    let lost = &report.spaces[0].lost;
    assert_eq!(
        lost.iter().map(|it| (it.first, it.last)).collect::<Vec<_>>(),
        [(10, 10), (20, 21), (40, 40)]
    );
    let mut held = [9, 19, 20, 39, 50].into_iter();
    for gap in gaps {
        let store = EventStore::open(folder.fresh(), RedbOptions::default()).unwrap();
        assert_eq!(store.head(&SpaceId::default()).await.unwrap().0, held.next().unwrap());
        store.commit(from_peer(&story.blocks[gap])).await.unwrap();
        store.close().await.unwrap();
    }
    let store = EventStore::open(folder.fresh(), RedbOptions::default()).unwrap();
    story.assert_complete(&store).await;
    assert_eq!(store.left(&SpaceId::default()).await.unwrap(), []);
}

#[tokio::test]
async fn what_waits_is_there_after_the_fresh_file_was_salvaged_too() {
    let mut story = Story::of(30).await;
    story.destroy(9);
    let folder = Folder::holding(&story.image);
    let first = EventStore::salvage(folder.path(), folder.fresh()).await.unwrap();
    // The log of the fresh file is whole, and still there is more to save than the log.
    let again = folder.0.path().join("again");
    let second = EventStore::salvage(folder.fresh(), &again).await.unwrap();
    assert_eq!(second.spaces[0].left, first.spaces[0].left);
    assert!(second.keeps_key && second.spaces[0].ends_known, "{second}");
    let store = EventStore::open(&again, RedbOptions::default()).unwrap();
    store.commit(from_peer(&story.blocks[9])).await.unwrap();
    story.assert_complete(&store).await;
}

#[tokio::test]
async fn events_that_nobody_can_complete_are_written_again_once_and_as_they_were() {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let [lost, mut block] = [ann.write("lost"), ann.write("unused")];
    let keys = [ann.key().clone(), bob.key().clone()];
    let both = pack(&SpaceId::default(), &[&keys[0], &keys[1]], |packer| {
        ann.commit_into(packer, &["three", "four"]);
        bob.commit_into(packer, &["bob"]);
    });
    let last = ann.write("five");
    let mut story = Story::with(vec![lost, block.clone(), both, last]).await;
    story.destroy(0);
    let folder = Folder::holding(&story.image);
    let report = EventStore::salvage(folder.path(), folder.fresh()).await.unwrap();
    assert_eq!(report.spaces[0].events, 0, "{report}");
    let store = EventStore::open(folder.fresh(), RedbOptions::default()).unwrap();
    let space = SpaceId::default();
    assert_eq!(store.rewrite_left(&space, &ann.id()).await.unwrap(), 4);
    assert_eq!(store.left(&space).await.unwrap(), []);
    let page = store.read_after(&space, Position::START).await.unwrap();
    let told: Vec<_> = page.blocks.iter().flat_map(|log| log.block.entries()).collect();
    let texts: Vec<_> = told.iter().map(|entry| entry.payload()).collect();
    assert_eq!(texts, ["unused", "three", "four", "five", "bob"].map(bytes::Bytes::from));
    let names: BTreeSet<_> = told.iter().map(|entry| entry.dot().replica).collect();
    assert!(names.len() == 2 && names.contains(&bob.id()) && !names.contains(&ann.id()));
    block = page.blocks[0].block.clone();
    block.check_authors().unwrap();
    assert_eq!(told[0].hlc(), story.blocks[1].entry(0).unwrap().hlc());
    // They are written once, whatever copies the pages of the file still hold.
    assert_eq!(store.rewrite_left(&space, &ann.id()).await.unwrap(), 0);
    store.close().await.unwrap();
    let again = EventStore::salvage(folder.fresh(), folder.0.path().join("again")).await.unwrap();
    assert_eq!((again.spaces[0].events, again.spaces[0].left.len()), (5, 0), "{again}");
}

#[tokio::test]
async fn what_others_wrote_does_not_wait_for_a_block_that_they_had_not_seen() {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    let mut blocks = Vec::new();
    for n in 0..20 {
        blocks.push(ann.write(&format!("ann {n}")));
        blocks.push(bob.write(&format!("bob {n}")));
    }
    let mut story = Story::with(blocks).await;
    story.destroy(10);
    let (store, report) = EventStore::salvage_bytes(story.image.clone()).await.unwrap();
    let [space] = &report.spaces[..] else { panic!("{report}") };
    assert_eq!(space.events, 25, "{report}");
    assert_eq!(space.lost, [EventRange { author: ann.id(), first: 6, last: 6 }]);
    assert_eq!(space.left, [EventRange { author: ann.id(), first: 7, last: 20 }]);
    // Nothing is lost that the store itself wrote, so it goes on under its key.
    assert!(report.keeps_key);
    assert_eq!(store.key().id(), story.key.id());
    store.commit(from_peer(&story.blocks[10])).await.unwrap();
    story.assert_complete(&store).await;
}

#[tokio::test]
async fn a_bit_that_flips_anywhere_costs_at_most_the_block_that_it_hits() {
    let story = Story::of(24).await;
    // Beside a sample, all of what tells where a page's rows are.
    let pages = (0..story.image.len()).step_by(PAGE_BYTES).filter(|at| story.image[*at] == LEAF);
    let headers = pages.flat_map(|page| (page..page + 24).step_by(2));
    let sample = (0..story.image.len()).step_by(1_597);
    for (count, byte) in headers.chain(sample).enumerate() {
        let mut image = story.image.clone();
        image[byte] ^= 1 << (count % 8);
        story.assert_saved(image, 1, &format!("byte {byte}, bit {}", count % 8)).await;
    }
}

#[tokio::test]
async fn pages_that_were_zeroed_cost_no_more_than_what_stood_in_them() {
    let story = Story::of(60).await;
    for page in (0..story.image.len()).step_by(PAGE_BYTES) {
        let mut image = story.image.clone();
        image[page..page + PAGE_BYTES].fill(0);
        let cost = story.blocks_in(&story.image[page..page + PAGE_BYTES]);
        story.assert_saved(image, cost, &format!("the page at {page}")).await;
    }
}

#[tokio::test]
async fn a_file_that_was_cut_gives_what_stands_before_the_cut() {
    let story = Story::of(60).await;
    for length in (0..story.image.len()).step_by(9_777) {
        let cost = story.blocks_in(&story.image[length..]);
        story.assert_saved(story.image[..length].to_vec(), cost, &format!("cut at {length}")).await;
    }
}

#[tokio::test]
async fn a_file_of_which_only_the_blocks_are_left_gives_the_blocks() {
    let story = Story::of(30).await;
    let mut image = vec![0xa5; 333];
    // Out of order, and with rubbish between them.
    for block in story.blocks.iter().rev() {
        image.extend_from_slice(block.bytes());
        image.extend_from_slice(b"SKB2 or so");
    }
    let (store, report) = EventStore::salvage_bytes(image).await.unwrap();
    assert!(!report.keeps_key && !report.is_whole, "{report}");
    story.assert_complete(&store).await;
}

#[tokio::test]
async fn a_file_of_something_else_is_not_taken_for_a_store() {
    for bytes in [Vec::new(), vec![0; 9_000], b"SQLite format 3\0".repeat(700)] {
        let error = EventStore::salvage_bytes(bytes).await.unwrap_err();
        assert_eq!(error.kind(), &StoreErrorKind::NotAStore, "{error:?}");
    }
}

#[tokio::test]
async fn what_somebody_else_signed_in_an_authors_name_is_not_saved() {
    let mut story = Story::of(5).await;
    let mut packer = BlockPacker::new(SpaceId::default());
    Author::new(1).commit_into(&mut packer, &["forged"]);
    let forged = packer.finish(|_| [7; 64]).unwrap();
    story.image.extend_from_slice(forged.bytes());
    story.image.extend_from_slice(&[0; 100]);
    story.destroy(4);
    let (store, _) = EventStore::salvage_bytes(story.image.clone()).await.unwrap();
    assert_eq!(store.head(&SpaceId::default()).await.unwrap(), Position(4));
}

#[tokio::test]
async fn the_damaged_file_is_only_read_and_nothing_is_replaced() {
    let mut story = Story::of(20).await;
    story.destroy(3);
    let folder = Folder::holding(&story.image);
    // Left by a salvage that was cut short.
    fs::write(folder.0.path().join(".fresh.salvage-1-0"), "half a file").unwrap();
    let report = EventStore::salvage(folder.path(), folder.fresh()).await.unwrap();
    assert_eq!(report.damaged, folder.path());
    assert_eq!(fs::read(folder.path()).unwrap(), story.image);
    let fresh = fs::read(folder.fresh()).unwrap();
    let error = EventStore::salvage(folder.path(), folder.fresh()).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Io, "{error:?}");
    assert_eq!(fs::read(folder.fresh()).unwrap(), fresh);
    assert_eq!(folder.files(), ["fresh", "store"]);
}

/// The states in which a power failure leaves the swap of both files, as the tests of the swap have
/// them.
#[tokio::test]
async fn a_salvage_that_a_power_failure_cut_is_finished_at_the_next_opening() {
    let mut story = Story::of(20).await;
    story.destroy(7);
    let made = Folder::holding(&story.image);
    EventStore::salvage(made.path(), made.fresh()).await.unwrap();
    let whole = fs::read(made.fresh()).unwrap();
    let (damaged, torn) = (&story.image[..], &whole[..whole.len() / 2]);
    let made = ".store.salvage-1-0";
    let left: [&[(&str, &[u8])]; 4] = [
        &[("store", damaged), (made, torn)],
        &[("store", damaged), (made, &whole)],
        &[("store", damaged), ("store.damaged-1", damaged), (made, &whole)],
        &[("store", &whole), ("store.damaged-1", damaged)],
    ];
    for files in left {
        let folder = Folder::holding(&[]);
        for (name, bytes) in files {
            fs::write(folder.0.path().join(name), bytes).unwrap();
        }
        let replica = Replica::builder().salvage(true).open(folder.path()).await.unwrap();
        let store = replica.store();
        assert_eq!(store.head(&SpaceId::default()).await.unwrap(), Position(7));
        let waits = EventRange { author: story.key.id(), first: 9, last: 20 };
        assert_eq!(store.left(&SpaceId::default()).await.unwrap(), [waits]);
        let kept = folder.files().into_iter().filter(|name| name.starts_with("store.damaged-"));
        for name in kept {
            assert!(fs::read(folder.0.path().join(name)).unwrap() == damaged);
        }
        assert!(!folder.files().iter().any(|name| name.contains("salvage-")), "{files:?}");
        assert!(folder.files().contains(&"store.damaged-1".to_owned()));
        store.commit(from_peer(&story.blocks[7])).await.unwrap();
        story.assert_complete(store).await;
        replica.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_open_file_is_not_salvaged() {
    let story = Story::of(3).await;
    let folder = Folder::holding(&story.image);
    let store = EventStore::open(folder.path(), RedbOptions::default()).unwrap();
    let error = EventStore::salvage(folder.path(), folder.fresh()).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::OpenHere, "{error:?}");
    store.close().await.unwrap();
    EventStore::salvage(folder.path(), folder.fresh()).await.unwrap();
}

/// A store's file, closed, and what was written into it.
struct Story {
    image: Vec<u8>,
    blocks: Vec<Block>,
    key: synckit::key::ReplicaKey,
}

impl Story {
    /// A store that wrote `count` commits, each a block of its own.
    async fn of(count: usize) -> Self {
        silence_redb();
        let disk = FaultyDisk::new();
        let store = open_on(&disk, &RedbOptions::default()).unwrap();
        let mut own = Author::with_key(store.key());
        let blocks: Vec<_> = (0..count).map(|n| own.write(&format!("edit {n}"))).collect();
        Self::told(&disk, store, blocks).await
    }

    /// A store that wrote nothing and received blocks.
    async fn with(blocks: Vec<Block>) -> Self {
        silence_redb();
        let disk = FaultyDisk::new();
        let store = open_on(&disk, &RedbOptions::default()).unwrap();
        Self::told(&disk, store, blocks).await
    }

    async fn told(disk: &FaultyDisk, store: EventStore, blocks: Vec<Block>) -> Self {
        for block in &blocks {
            store.commit(batch([block])).await.unwrap();
        }
        let key = store.key();
        store.close().await.unwrap();
        Self { image: disk.image(), blocks, key }
    }

    /// Flips a bit of every copy of a block that the file holds.
    fn destroy(&mut self, index: usize) {
        let bytes = self.blocks[index].bytes();
        let begin = &bytes[..24];
        let places: Vec<_> =
            (0..self.image.len()).filter(|at| self.image[*at..].starts_with(begin)).collect();
        assert!(!places.is_empty());
        for place in places {
            self.image[place + bytes.len() - 1] ^= 1;
        }
    }

    /// Counts the blocks that have something in a part of the file.
    fn blocks_in(&self, part: &[u8]) -> usize {
        let held = |bytes: &[u8]| part.windows(21).any(|window| window == &bytes[..21]);
        1 + self.blocks.iter().filter(|block| held(block.bytes())).count()
    }

    /// All events are in the log or aside but for those of at most so many blocks, what is missing
    /// in between is named, and once a peer has given that back, everything is there.
    async fn assert_saved(&self, image: Vec<u8>, blocks_lost_max: usize, told: &str) {
        let (store, report) = match EventStore::salvage_bytes(image).await {
            Ok(salvaged) => salvaged,
            Err(error) => {
                assert_eq!(error.kind(), &StoreErrorKind::NotAStore, "{told}: {error:?}");
                assert!(blocks_lost_max >= self.blocks.len(), "{told}: nothing is found");
                return;
            }
        };
        let total = self.blocks.len() as u64;
        let (mut saved, mut named) = (BTreeSet::new(), BTreeSet::new());
        for space in &report.spaces {
            saved.extend(1..=space.events);
            saved.extend(space.left.iter().flat_map(|range| range.first..=range.last));
            named.extend(space.lost.iter().flat_map(|range| range.first..=range.last));
        }
        assert!(saved.len() as u64 + blocks_lost_max as u64 >= total, "{told}: {report}");
        assert!(saved.is_disjoint(&named), "{told}: {report}");
        let last = saved.last().copied().unwrap_or(0);
        assert!((1..=last).all(|seq| saved.contains(&seq) || named.contains(&seq)), "{told}");
        assert!(!report.is_whole || saved.len() as u64 == total, "{told}: {report}");
        let ends_known = report.spaces.iter().all(|space| space.ends_known);
        let all_named = (saved.len() + named.len()) as u64 == total;
        assert!(all_named || !ends_known || report.spaces.is_empty(), "{told}: {report}");
        assert!(report.keeps_key || store.key().id() != self.key.id(), "{told}: {report}");
        assert!(!report.keeps_key || self.is_safe(&report, saved.len()), "{told}: {report}");
        for block in &self.blocks {
            store.commit(from_peer(block)).await.unwrap();
        }
        self.assert_complete(&store).await;
        assert_eq!(store.left(&SpaceId::default()).await.unwrap(), [], "{told}");
    }

    /// True when a store may write on under its key.
    fn is_safe(&self, report: &SalvageReport, saved: usize) -> bool {
        report.is_whole && saved == self.blocks.len()
    }

    /// The store's log holds every commit once.
    async fn assert_complete(&self, store: &EventStore) {
        let mut expected: Vec<_> = self.blocks.iter().flat_map(names).collect();
        let page = store.read_after(&SpaceId::default(), Position::START).await.unwrap();
        let mut found: Vec<_> = page.blocks.iter().flat_map(|log| names(&log.block)).collect();
        found.retain(|name| expected.contains(name));
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert!(store.forks(&SpaceId::default()).await.unwrap().is_empty());
    }
}

fn names(block: &Block) -> Vec<CommitId> {
    block.commits().iter().map(|commit| commit.id).collect()
}

/// A block as a session commits it.
fn from_peer(block: &Block) -> Batch {
    let mut batch = batch([block]);
    batch.append[0].source = Source::Peer;
    batch
}

/// A folder with a file.
struct Folder(TempDir);

impl Folder {
    fn holding(image: &[u8]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path(), image).unwrap();
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn fresh(&self) -> PathBuf {
        self.0.path().join("fresh")
    }

    fn files(&self) -> Vec<String> {
        files_in(self.0.path())
    }
}

fn files_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
