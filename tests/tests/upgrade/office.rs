//! The office of the stories: a file of its own, and a program that is upgraded.

use std::sync::Arc;

use synckit::envelope::Envelope;
use synckit::id::Position;
use synckit::store::EventStore;
use synckit::transport::{ChannelTransport, channel};
use synckit::{Aggregate, Edit, Hub, Id, Registry, Replica};
use tempfile::TempDir;

/// The versions of the program.
pub(crate) mod v1 {
    pub(crate) use evolve_v1::*;
}
pub(crate) mod v2 {
    pub(crate) use evolve_v2::*;
}
pub(crate) mod v3 {
    pub(crate) use evolve_v3::*;
}

/// An office's file, in a folder of its own.
const FILE: &str = "office.redb";

/// The boiler as the newest version has it.
pub(crate) type Newest = v3::Inspection;

/// A program over a redb file.
pub(crate) struct Office {
    pub(crate) replica: Replica,
    folder: TempDir,
}

impl Office {
    /// With an empty file.
    pub(crate) async fn new(types: Registry) -> Self {
        Self::over(tempfile::tempdir().unwrap(), types).await
    }

    /// Another program opens the file.
    pub(crate) async fn reopened(self, types: Registry) -> Self {
        self.replica.close().await.unwrap();
        Self::over(self.folder, types).await
    }

    /// The file as a hub serves it.
    pub(crate) async fn served(self) -> (TempDir, ChannelTransport) {
        self.replica.close().await.unwrap();
        let hub = Hub::builder().open(self.folder.path().join(FILE)).await.unwrap();
        (self.folder, way_to(&hub))
    }

    pub(crate) async fn sync(&self, way: &ChannelTransport) {
        self.replica.sync_once(way.clone()).await.unwrap();
    }

    /// The boiler, which must be there.
    pub(crate) async fn boiler<A: Aggregate>(&self) -> A {
        self.replica.get(&boiler::<A>()).await.unwrap().unwrap()
    }

    pub(crate) async fn parked(&self) -> u64 {
        self.replica.status().await.unwrap().parked
    }

    pub(crate) async fn hash(&self) -> [u8; 32] {
        self.replica.state_hash().await.unwrap()
    }

    /// The log.
    pub(crate) async fn log(&self) -> Vec<Envelope> {
        log(self.replica.store(), &self.replica).await
    }

    async fn over(folder: TempDir, types: Registry) -> Self {
        let file = folder.path().join(FILE);
        let replica = Replica::builder().registry(types).open(file).await.unwrap();
        Self { replica, folder }
    }
}

/// A store's log of a replica's space.
pub(crate) async fn log(store: &Arc<EventStore>, of: &Replica) -> Vec<Envelope> {
    let page = store.read_after(of.space(), Position::START).await.unwrap();
    assert_eq!(page.through, page.head, "the log fits into a page");
    let entries = page.blocks.iter().flat_map(|log| log.block.entries());
    entries.map(|entry| entry.envelope()).collect()
}

pub(crate) fn boiler<A: Aggregate>() -> Id<A> {
    Id::named("boiler-b").unwrap()
}

/// A hub, which knows no types, and the way to it.
pub(crate) fn hub() -> (Hub, ChannelTransport) {
    let hub = Hub::builder().in_memory().unwrap();
    let way = way_to(&hub);
    (hub, way)
}

fn way_to(hub: &Hub) -> ChannelTransport {
    let (transport, listener) = channel();
    let serving = hub.clone();
    tokio::spawn(async move { serving.serve_channel(listener).await });
    transport
}

/// An edit with the first version.
pub(crate) async fn edit_v1(office: &Office, change: impl FnOnce(&mut Edit<'_, v1::Inspection>)) {
    office.replica.edit(&boiler(), change).await.unwrap();
}

/// An edit with the second version.
pub(crate) async fn edit_v2(office: &Office, change: impl FnOnce(&mut Edit<'_, v2::Inspection>)) {
    office.replica.edit(&boiler(), change).await.unwrap();
}

/// An edit with the third version.
pub(crate) async fn edit_v3(office: &Office, change: impl FnOnce(&mut Edit<'_, v3::Inspection>)) {
    office.replica.edit(&boiler(), change).await.unwrap();
}
