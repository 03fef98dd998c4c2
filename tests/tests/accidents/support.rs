//! The cast: replicas and hubs over redb files, and what happens to files.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use synckit::branch::Fork;
use synckit::clock::UnixMillis;
use synckit::replica::SyncReport;
use synckit::store::{EventStore, RedbOptions};
use synckit::transport::{ChannelTransport, channel};
use synckit::{Hub, Id, Replica, WallClock, registry, sync_aggregate};
use tempfile::TempDir;

pub(crate) const NOON: u64 = 1_780_000_000_000;
pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const YEAR: u64 = 365 * 24 * 60 * MINUTE;

/// A visit book: each visit leaves a signature, and a line that somebody wrote last.
#[sync_aggregate(name = "book")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Book {
    #[merge(lww)]
    pub(crate) line: String,
    #[merge(counter)]
    pub(crate) visits: i64,
    #[merge(set)]
    pub(crate) signatures: BTreeSet<String>,
    #[merge(text)]
    pub(crate) page: String,
}

/// A folder with the files of replicas and hubs.
pub(crate) struct Disk {
    folder: TempDir,
    /// True when copies of replicas' files are told from them when they are opened.
    notices_copies: bool,
}

impl Disk {
    /// On a system that tells nothing of files: copies are noticed only when they meet.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), notices_copies: false }
    }

    /// On an ordinary system.
    pub(crate) fn that_notices_copies() -> Self {
        Self { notices_copies: true, ..Self::new() }
    }

    pub(crate) async fn replica(&self, name: &str) -> Replica {
        let builder = Replica::builder().registry(registry![Book]);
        if self.notices_copies {
            return builder.open(self.file(name)).await.unwrap();
        }
        let store = EventStore::open_unnoticed(self.file(name), RedbOptions::default());
        builder.over(Arc::new(store.unwrap())).await.unwrap()
    }

    /// Closes a replica, so that its file can be copied.
    pub(crate) async fn close(&self, replica: Replica) {
        let store = Arc::clone(replica.store());
        replica.close().await.unwrap();
        if !self.notices_copies {
            store.close().await.unwrap();
        }
    }

    pub(crate) async fn hub(&self, name: &str) -> Hub {
        Hub::builder().open(self.file(name)).await.unwrap()
    }

    /// A hub whose file is not told from a copy of it.
    pub(crate) fn unnoticed_hub(&self, name: &str) -> Hub {
        let store = EventStore::open_unnoticed(self.file(name), RedbOptions::hub());
        Hub::builder().over(Arc::new(store.unwrap()))
    }

    /// Copies a file that nobody has open.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        fs::copy(self.file(from), self.file(to)).unwrap();
    }

    /// Deletes a file that nobody has open.
    pub(crate) fn delete(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }

    /// Closes a replica, copies its file, and opens it again.
    pub(crate) async fn back_up(&self, replica: Replica, name: &str, to: &str) -> Replica {
        self.close(replica).await;
        self.copy(name, to);
        self.replica(name).await
    }

    /// Closes a replica, puts a copy in the place of its file, and opens that.
    pub(crate) async fn restore(&self, replica: Replica, name: &str, from: &str) -> Replica {
        self.close(replica).await;
        self.copy(from, name);
        self.replica(name).await
    }

    /// Closes a hub, copies its file, and opens it again.
    pub(crate) async fn back_up_hub(&self, hub: Hub, name: &str, to: &str) -> Hub {
        hub.close().await.unwrap();
        self.copy(name, to);
        self.hub(name).await
    }

    /// Closes a hub, puts a copy in the place of its file, and opens that.
    pub(crate) async fn restore_hub(&self, hub: Hub, name: &str, from: &str) -> Hub {
        hub.close().await.unwrap();
        self.copy(from, name);
        self.hub(name).await
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.redb"))
    }
}

/// Visits, and signs: told apart from all other visits by the signature.
pub(crate) async fn visit(replica: &Replica, signature: &str) {
    let sign = |it: &mut synckit::Edit<'_, Book>| {
        it.line.set(signature);
        it.visits.add(1);
        it.signatures.insert(signature);
    };
    replica.edit(&book(), sign).await.unwrap();
}

/// One sync, which must succeed.
pub(crate) async fn sync(replica: &Replica, hub: &Hub) -> SyncReport {
    replica.sync_once(way_to(hub)).await.unwrap()
}

/// Two rounds of syncs, none of which may fail: enough for everybody to hold everything.
pub(crate) async fn settle(hub: &Hub, replicas: &[&Replica]) {
    for replica in replicas.iter().chain(replicas) {
        sync(replica, hub).await;
    }
}

/// All hold the same events, states and forks; every visit is there once. Returns the forks.
pub(crate) async fn assert_agree(replicas: &[&Replica], visits: &[&str]) -> Vec<Fork> {
    let signed: BTreeSet<_> = visits.iter().map(|visit| (*visit).to_owned()).collect();
    let hash = replicas[0].state_hash().await.unwrap();
    let first = replicas[0].status().await.unwrap();
    for replica in replicas {
        let book = replica.get(&book()).await.unwrap().unwrap();
        assert_eq!((&book.signatures, book.visits), (&signed, visits.len() as i64), "{replica:?}");
        assert_eq!(replica.state_hash().await.unwrap(), hash, "{replica:?}");
        let status = replica.status().await.unwrap();
        assert_eq!((&status.forks, status.events), (&first.forks, first.events), "{replica:?}");
    }
    first.forks
}

/// As [`assert_agree`], after everybody has synced with the hub, and a newcomer too.
pub(crate) async fn assert_all_agree(
    hub: &Hub,
    replicas: &[&Replica],
    visits: &[&str],
) -> Vec<Fork> {
    settle(hub, replicas).await;
    let newcomer = in_memory().await;
    sync(&newcomer, hub).await;
    let mut all = replicas.to_vec();
    all.push(&newcomer);
    assert_agree(&all, visits).await
}

pub(crate) async fn in_memory() -> Replica {
    Replica::builder().registry(registry![Book]).in_memory().await.unwrap()
}

/// A replica whose clock shows what it is told to.
pub(crate) async fn at(clock: WallClock) -> Replica {
    Replica::builder().registry(registry![Book]).wall_clock(clock).in_memory().await.unwrap()
}

/// A clock that stands still.
pub(crate) fn stands_at(millis: u64) -> WallClock {
    WallClock::new(move || UnixMillis::new(millis))
}

/// A clock that is set by hand.
pub(crate) fn set_by(millis: &Arc<AtomicU64>) -> WallClock {
    let millis = Arc::clone(millis);
    WallClock::new(move || UnixMillis::new(millis.load(Ordering::SeqCst)))
}

/// The line that was written last.
pub(crate) async fn line(replica: &Replica) -> String {
    replica.get(&book()).await.unwrap().unwrap().line
}

/// A hub inside this process that keeps nothing on disk.
pub(crate) fn hub_in_memory() -> Hub {
    Hub::builder().in_memory().unwrap()
}

pub(crate) fn way_to(hub: &Hub) -> ChannelTransport {
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    transport
}

pub(crate) fn book() -> Id<Book> {
    Id::named("book").unwrap()
}
