//! Power failures, full disks and failing ones, at every operation that there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use synckit::id::{Position, SpaceId};
use synckit::log::Source;
use synckit::store::{
    Batch, EventStore, MemoryRows, Read, RedbOptions, Row, Rows, StoreError, StoreErrorKind,
    WriteSet,
};
use synckit::testing::faults::{FaultyDisk, Leftover};
use synckit::testing::{Author, batch};

use crate::support::{Contents, STORY_LEN, open_on, story};

const LEFTOVERS: [Leftover; 5] = [
    Leftover::Everything,
    Leftover::Nothing,
    Leftover::Torn(1),
    Leftover::Torn(2),
    Leftover::Torn(3),
];

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_failure_at_any_operation() {
    for options in [RedbOptions::default(), RedbOptions::hub()] {
        let whole = FaultyDisk::new();
        assert_eq!(tell(&whole, &options).await, STORY_LEN);
        for nth in 0..whole.changes() {
            let disk = FaultyDisk::new();
            disk.power_fails_at(nth);
            let acknowledged = tell(&disk, &options).await;
            for leftover in LEFTOVERS {
                let disk = disk.duplicate();
                disk.restart(leftover);
                let told = format!("power failed at {nth}, {leftover:?}, {options:?}");
                recovers(&disk, &options, acknowledged, &told).await;
            }
        }
    }
}

#[tokio::test]
async fn a_power_failure_during_recovery_changes_nothing() {
    let options = RedbOptions::default();
    let before = FaultyDisk::new();
    let store = open_on(&before, &options).unwrap();
    commit_all(&store, &story().0[..3]).await;
    before.restart(Leftover::Torn(5));
    drop(store);
    for nth in 0.. {
        let disk = before.duplicate();
        disk.power_fails_at(nth);
        let opened = open_on(&disk, &options).is_ok();
        disk.restart(Leftover::Torn(nth));
        recovers(&disk, &options, 3, &format!("power failed at {nth} of recovery")).await;
        if opened {
            break;
        }
    }
}

/// A write that failed may have changed the key all the same.
#[tokio::test]
async fn a_key_that_is_used_elsewhere_is_given_up_whatever_write_fails() {
    let options = RedbOptions::default();
    let disk = FaultyDisk::new();
    let store = open_on(&disk, &options).unwrap();
    let key = store.key();
    drop(store);
    let theirs = Author::with_key(key.clone()).write("by another copy");
    let from_peer = || {
        let mut batch = batch([&theirs]);
        batch.append[0].source = Source::Peer;
        batch
    };
    for nth in 0.. {
        let disk = disk.duplicate();
        let store = open_on(&disk, &options).unwrap();
        disk.change_fails_at(nth);
        let failed = store.commit(from_peer()).await.is_err();
        disk.repair();
        store.commit(from_peer()).await.unwrap();
        let told = format!("change {nth} failed");
        assert_ne!(store.key().id(), key.id(), "{told}");
        let known = store.key().id();
        store.close().await.unwrap();
        assert_eq!(open_on(&disk, &options).unwrap().key().id(), known, "{told}");
        if !failed {
            break;
        }
    }
}

/// A back end may report a failure of what it has written all the same.
#[tokio::test]
async fn a_key_that_was_changed_by_a_write_reported_as_failed_is_found() {
    let fails = Arc::new(AtomicBool::new(false));
    let rows = Unsure { rows: MemoryRows::new(), fails: Arc::clone(&fails) };
    let store = EventStore::over(rows).await.unwrap();
    let (key, twin) = (store.key().id(), a_twin(&store));
    fails.store(true, Ordering::SeqCst);
    store.commit(twin.clone()).await.unwrap_err();
    // Everything of it is held by now, so nothing is written that would change the key.
    assert_eq!(store.commit(twin).await.unwrap().appended, 0);
    assert_ne!(store.key().id(), key);
}

#[tokio::test]
async fn a_full_disk_is_named_and_the_store_recovers_by_itself_once_there_is_space() {
    for nth in 0.. {
        let disk = FaultyDisk::new();
        let store = open_on(&disk, &RedbOptions::default()).unwrap();
        disk.full_at(nth);
        if commit_each(&store, StoreErrorKind::DiskFull).await == STORY_LEN {
            break;
        }
        let read = Contents::read(&store).await;
        if let Err(error) = &read {
            assert_eq!(error.kind(), &StoreErrorKind::DiskFull, "reading: {error}");
        }
        disk.repair();
        commit_all(&store, &story().0).await;
        holds_all(&store).await;
        store.close().await.unwrap();
        holds_all(&open_on(&disk, &RedbOptions::default()).unwrap()).await;
    }
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_gives_no_half_made_store() {
    for nth in 0.. {
        let disk = FaultyDisk::new();
        disk.full_at(nth);
        match open_on(&disk, &RedbOptions::default()) {
            Err(error) => assert_eq!(error.kind(), &StoreErrorKind::DiskFull, "{error:?}"),
            Ok(_) => break,
        }
        disk.repair();
        let store = open_on(&disk, &RedbOptions::default()).unwrap();
        commit_all(&store, &story().0).await;
        holds_all(&store).await;
    }
}

#[tokio::test]
async fn one_failing_write_or_sync_costs_nothing_that_was_acknowledged() {
    for options in [RedbOptions::default(), RedbOptions::hub()] {
        for nth in 0.. {
            let disk = FaultyDisk::new();
            let store = open_on(&disk, &options).unwrap();
            disk.change_fails_at(nth);
            if commit_each(&store, StoreErrorKind::Io).await == STORY_LEN {
                break;
            }
            commit_all(&store, &story().0).await;
            holds_all(&store).await;
            // What a failed sync forgot must not have been counted on.
            disk.restart(Leftover::Nothing);
            drop(store);
            holds_all(&open_on(&disk, &options).unwrap()).await;
        }
    }
}

#[tokio::test]
async fn one_failing_read_is_reported_and_the_next_succeeds() {
    let disk = FaultyDisk::new();
    tell(&disk, &RedbOptions::default()).await;
    let reads = disk.reads();
    for nth in 0..reads {
        let disk = disk.duplicate();
        disk.read_fails_at(nth);
        let store = match open_on(&disk, &RedbOptions::default()) {
            Ok(store) => store,
            Err(error) => {
                assert_eq!(error.kind(), &StoreErrorKind::Io, "{error:?}");
                continue;
            }
        };
        if let Err(error) = Contents::read(&store).await {
            assert_eq!(error.kind(), &StoreErrorKind::Io, "{error:?}");
        }
        holds_all(&store).await;
        assert_eq!(store.commit(story().0[0].clone()).await.unwrap().appended, 0);
    }
}

#[tokio::test]
async fn a_twin_is_held_if_and_only_if_the_store_writes_under_another_key() {
    for nth in 0.. {
        let disk = FaultyDisk::new();
        let store = open_on(&disk, &RedbOptions::default()).unwrap();
        let key = store.key().id();
        let twin = a_twin(&store);
        disk.power_fails_at(nth);
        let acknowledged = store.commit(twin.clone()).await.is_ok();
        assert_eq!(store.key().id() != key, acknowledged, "the key changes with the commit");
        drop(store);
        for leftover in LEFTOVERS {
            let disk = disk.duplicate();
            disk.restart(leftover);
            let store = open_on(&disk, &RedbOptions::default()).unwrap();
            let held = store.head(&twin.space).await.unwrap() > Position::START;
            assert!(held || !acknowledged, "power failed at {nth}, {leftover:?}: it is lost");
            assert_eq!(store.key().id() != key, held, "power failed at {nth}, {leftover:?}");
        }
        if acknowledged {
            break;
        }
    }
}

#[tokio::test]
async fn a_key_that_a_failed_write_has_changed_all_the_same_is_found() {
    for nth in 0.. {
        let disk = FaultyDisk::new();
        let store = open_on(&disk, &RedbOptions::default()).unwrap();
        let key = store.key().id();
        let twin = a_twin(&store);
        disk.change_fails_at(nth);
        let acknowledged = store.commit(twin.clone()).await.is_ok();
        disk.repair();
        store.commit(twin).await.unwrap();
        let other = store.key().id();
        assert_ne!(other, key, "operation {nth} failed");
        store.close().await.unwrap();
        let again = open_on(&disk, &RedbOptions::default()).unwrap();
        assert_eq!(again.key().id(), other, "operation {nth} failed");
        if acknowledged {
            break;
        }
    }
}

#[tokio::test]
async fn a_duplicate_leaves_no_transaction_open() {
    let disk = FaultyDisk::new();
    let store = open_on(&disk, &RedbOptions::default()).unwrap();
    let mut ann = Author::new(1);
    let first = batch([&ann.write("1")]);
    store.commit(first.clone()).await.unwrap();
    let changes = disk.changes();
    for _ in 0..50 {
        assert_eq!(store.commit(first.clone()).await.unwrap().appended, 0);
    }
    assert_eq!(disk.changes(), changes, "a duplicate costs nothing on the disk");
    let later = batch([&ann.write("2")]);
    assert_eq!(store.commit(later).await.unwrap().head, Position(2));
}

/// Rows whose next write reports that it failed, after it has been carried out.
#[derive(Debug)]
struct Unsure {
    rows: MemoryRows,
    fails: Arc<AtomicBool>,
}

#[async_trait]
impl Rows for Unsure {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.rows.read(reads).await
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        self.rows.write(write).await?;
        if self.fails.swap(false, Ordering::SeqCst) {
            return Err(StoreError::new("write rows", StoreErrorKind::Io));
        }
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.rows.close().await
    }
}

/// Opens a store, commits the story, closes; how many batches were acknowledged.
async fn tell(disk: &FaultyDisk, options: &RedbOptions) -> usize {
    let Ok(store) = open_on(disk, options) else {
        return 0;
    };
    let mut acknowledged = 0;
    for batch in story().0 {
        if store.commit(batch).await.is_err() {
            break;
        }
        acknowledged += 1;
    }
    let _ = store.close().await;
    acknowledged
}

/// Opens what a power failure left and goes on with the story.
async fn recovers(disk: &FaultyDisk, options: &RedbOptions, acknowledged: usize, told: &str) {
    let opened = open_on(disk, options);
    let store = opened.unwrap_or_else(|error| panic!("{told}: {error:?}"));
    let contents = Contents::read(&store).await.unwrap_or_else(|e| panic!("{told}: {e:?}"));
    let batches = contents.events() / 3;
    assert_eq!(contents.events() % 3, 0, "{told}: half a batch");
    assert!(batches >= acknowledged as u64, "{told}: {acknowledged} acknowledged, {batches} left");
    assert!(batches <= acknowledged as u64 + 1, "{told}: more than was ever sent");
    commit_all(&store, &story().0).await;
    holds_all(&store).await;
}

/// A batch that a copy of the store has written under its key, as a peer sends it.
fn a_twin(store: &EventStore) -> Batch {
    let mut twin = batch([&Author::with_key(store.key()).write("theirs")]);
    twin.append[0].source = Source::Peer;
    twin
}

async fn commit_all(store: &EventStore, batches: &[Batch]) {
    for batch in batches {
        store.commit(batch.clone()).await.unwrap();
    }
}

/// Commits the story in order until a batch fails, in the one way that it may; how many did not.
async fn commit_each(store: &EventStore, expected: StoreErrorKind) -> usize {
    for (acknowledged, batch) in story().0.into_iter().enumerate() {
        if let Err(error) = store.commit(batch).await {
            assert_eq!(error.kind(), &expected, "{error:?}");
            assert!(error.is_retryable());
            return acknowledged;
        }
    }
    STORY_LEN
}

async fn holds_all(store: &EventStore) {
    let (_, ann) = story();
    let space = SpaceId::default();
    assert_eq!(store.head(&space).await.unwrap(), Position(3 * STORY_LEN as u64));
    let contents = Contents::read(store).await.unwrap();
    assert_eq!(contents.events(), 3 * STORY_LEN as u64);
    assert!(contents.log.branches.heads().eq([ann.head()]));
}
