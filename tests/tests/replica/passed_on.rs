//! Hubs pass on what others wrote while their disks write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use synckit::replica::{LinkState, Reach};
use synckit::store::{
    EventStore, MemoryRows, Read, Row, Rows, StoreError, StoreErrorKind, WriteSet,
};
use synckit::{Hub, Replica};
use tokio::sync::watch;
use tokio::time::timeout;

use super::support::{note, read, replica, way_to};

/// After this long a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A disk whose writes wait for a gate, and fail if they are told to. Clones are the same one.
#[derive(Clone, Debug)]
struct SlowDisk {
    rows: Arc<MemoryRows>,
    is_open: watch::Sender<bool>,
    fails: Arc<AtomicBool>,
}

impl SlowDisk {
    fn new() -> Self {
        let (rows, fails) = (Arc::new(MemoryRows::new()), Arc::default());
        Self { rows, is_open: watch::Sender::new(true), fails }
    }

    /// The disk as it is when the power fails.
    fn after_power_failure(&self) -> Self {
        Self { rows: Arc::new(self.rows.duplicate()), ..Self::new() }
    }
}

#[async_trait]
impl Rows for SlowDisk {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.rows.read(reads).await
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        let _ = self.is_open.subscribe().wait_for(|is_open| *is_open).await;
        if self.fails.swap(false, Ordering::SeqCst) {
            return Err(StoreError::new("write rows", StoreErrorKind::DiskFull));
        }
        self.rows.write(write).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.rows.close().await
    }
}

async fn hub_on(disk: &SlowDisk) -> Hub {
    Hub::builder().over(Arc::new(EventStore::over(disk.clone()).await.unwrap()))
}

/// Waits until a replica shows a number of visits.
async fn shows(replica: &Replica, visits: i64) {
    let mut watch = replica.watch(&note("n")).unwrap();
    let shown = async { while watch.next().await.unwrap().unwrap().visits != visits {} };
    timeout(PATIENCE, shown).await.unwrap();
}

#[tokio::test]
async fn what_a_hub_is_writing_is_passed_on_and_not_acknowledged() {
    let disk = SlowDisk::new();
    let hub = hub_on(&disk).await;
    let (ann, bob, carol) = (replica().await, replica().await, replica().await);
    let connect = |replica: &Replica| replica.connect(way_to(&hub)).unwrap();
    let _links = [connect(&ann), connect(&bob), connect(&carol)];
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    shows(&bob, 1).await;
    timeout(PATIENCE, ann.flush(Reach::Hub)).await.unwrap().unwrap();
    disk.is_open.send_replace(false);
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    shows(&bob, 2).await;
    shows(&carol, 2).await;
    assert_eq!(ann.pending().await.unwrap(), 1, "the hub does not hold it");
    // This one waits until the write before it has ended.
    carol.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    let held = hub.store().head(ann.space()).await.unwrap();
    assert_eq!(held.0, 1);
    disk.is_open.send_replace(true);
    shows(&bob, 3).await;
    for author in [&ann, &carol] {
        timeout(PATIENCE, author.flush(Reach::Hub)).await.unwrap().unwrap();
        assert_eq!(author.pending().await.unwrap(), 0);
    }
    // Bob goes on where he is, and his answer comes to ann.
    bob.edit(&note("n"), |it| it.visits.add(10)).await.unwrap();
    shows(&ann, 13).await;
}

#[tokio::test]
async fn a_hub_that_loses_power_with_what_it_passed_on_gets_it_back() {
    let disk = SlowDisk::new();
    let hub = hub_on(&disk).await;
    let (ann, bob) = (replica().await, replica().await);
    let links = [ann.connect(way_to(&hub)).unwrap(), bob.connect(way_to(&hub)).unwrap()];
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    shows(&bob, 1).await;
    timeout(PATIENCE, ann.flush(Reach::Hub)).await.unwrap().unwrap();
    disk.is_open.send_replace(false);
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    shows(&bob, 2).await;
    bob.edit(&note("n"), |it| it.visits.add(10)).await.unwrap();
    let hub = hub_on(&disk.after_power_failure()).await;
    for link in links {
        link.end().await.unwrap();
    }
    // Others have written in the place of what was lost.
    let carol = replica().await;
    carol.edit(&note("n"), |it| it.visits.add(100)).await.unwrap();
    carol.sync_once(way_to(&hub)).await.unwrap();
    for replica in [&bob, &ann, &carol, &bob] {
        replica.sync_once(way_to(&hub)).await.unwrap();
        assert_eq!(replica.pending().await.unwrap(), 0);
    }
    for replica in [&ann, &bob, &carol] {
        assert_eq!(read(replica, &note("n")).await.visits, 112);
        assert_eq!(replica.status().await.unwrap().forks, []);
    }
}

#[tokio::test]
async fn sessions_that_were_passed_on_what_cannot_be_written_begin_again() {
    let disk = SlowDisk::new();
    let hub = hub_on(&disk).await;
    let (ann, bob, carol) = (replica().await, replica().await, replica().await);
    let anns = ann.connect(way_to(&hub)).unwrap();
    let mut bobs = bob.connect(way_to(&hub)).unwrap();
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    shows(&bob, 1).await;
    timeout(PATIENCE, ann.flush(Reach::Hub)).await.unwrap().unwrap();
    disk.is_open.send_replace(false);
    ann.edit(&note("n"), |it| it.visits.add(1)).await.unwrap();
    shows(&bob, 2).await;
    disk.fails.store(true, Ordering::SeqCst);
    disk.is_open.send_replace(true);
    let ended = |status: &synckit::replica::LinkStatus| status.state != LinkState::Live;
    timeout(PATIENCE, bobs.wait_for(ended)).await.unwrap();
    // Both come again by themselves.
    timeout(PATIENCE, ann.flush(Reach::Hub)).await.unwrap().unwrap();
    carol.edit(&note("n"), |it| it.visits.add(10)).await.unwrap();
    carol.sync_once(way_to(&hub)).await.unwrap();
    for replica in [&ann, &bob] {
        shows(replica, 12).await;
    }
    anns.end().await.unwrap();
    bobs.end().await.unwrap();
}
