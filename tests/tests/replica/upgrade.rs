//! Three versions of one domain in one space: whoever is upgraded when, in the end all hold the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use synckit::store::{EventStore, MemoryStore};
use synckit::transport::ChannelTransport;
use synckit::{Id, Registry, Replica, registry};

use super::office::hub;

mod first {
    use synckit::{Lower, SyncEvent, sync_aggregate};

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "visit.signed")]
    pub(super) struct Signed {
        pub(super) by: String,
    }

    #[sync_aggregate(name = "visit", events(Signed))]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Visit {
        #[merge(lww)]
        pub(super) title: String,
    }

    impl Lower<Signed> for Visit {
        fn lower(event: &Signed, ops: &mut VisitOps<'_>) {
            ops.title.set(format!("{} of nobody", event.by.len()));
        }
    }
}

/// One optional field more, and one field of the aggregate.
mod second {
    use synckit::{Lower, SyncEvent, sync_aggregate};

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "visit.signed", version = 2)]
    pub(super) struct Signed {
        pub(super) by: String,
        pub(super) of: Option<String>,
    }

    #[sync_aggregate(name = "visit", version = 2, events(Signed))]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Visit {
        #[merge(lww)]
        pub(super) title: String,
        #[merge(counter)]
        pub(super) signatures: i64,
    }

    impl Lower<Signed> for Visit {
        fn lower(event: &Signed, ops: &mut VisitOps<'_>) {
            let of = event.of.as_deref().unwrap_or("nobody");
            ops.title.set(format!("{} of {of}", event.by.len()));
            ops.signatures.add(1);
        }
    }
}

/// Another type of a field, with a conversion that refuses some events.
mod third {
    use synckit::{Lower, SyncEvent, UpcastError, sync_aggregate};

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "visit.signed", version = 2, historical)]
    pub(super) struct SignedByName {
        by: String,
        of: Option<String>,
    }

    #[derive(SyncEvent, Clone, Debug)]
    #[event(name = "visit.signed", version = 3)]
    #[upcast(from = SignedByName, with = counted)]
    pub(super) struct Signed {
        pub(super) by: u32,
        pub(super) of: Option<String>,
    }

    fn counted(old: SignedByName) -> Result<Signed, UpcastError> {
        match u32::try_from(old.by.len()) {
            Ok(0) | Err(_) => Err(UpcastError::new("nobody signed it")),
            Ok(by) => Ok(Signed { by, of: old.of }),
        }
    }

    #[sync_aggregate(name = "visit", version = 3, events(Signed))]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Visit {
        #[merge(lww)]
        pub(super) title: String,
        #[merge(counter)]
        pub(super) signatures: i64,
        #[merge(max)]
        pub(super) by: u32,
    }

    impl Lower<Signed> for Visit {
        fn lower(event: &Signed, ops: &mut VisitOps<'_>) {
            let of = event.of.as_deref().unwrap_or("nobody");
            ops.title.set(format!("{} of {of}", event.by));
            ops.signatures.add(1);
            ops.by.raise(event.by);
        }
    }
}

#[tokio::test]
async fn a_rolling_upgrade_in_every_order_ends_in_one_state() {
    let mut orders = Vec::new();
    interleavings(&mut Vec::new(), &mut orders);
    assert_eq!(orders.len(), 90, "three offices, two upgrades each");
    for order in orders {
        let (_hub, way) = hub();
        let mut offices = [Office::new(1), Office::new(2), Office::new(3)];
        for office in &offices {
            office.work(&way).await;
        }
        for next in order {
            offices[next].version += 1;
            for office in &offices {
                office.work(&way).await;
            }
        }
        let mut hashes = Vec::new();
        for office in [&offices[0], &offices[1], &offices[2], &offices[0], &offices[1]] {
            hashes.push(office.settled(&way).await);
        }
        assert!(hashes[2..].iter().all(|hash| *hash == hashes[2]), "not one state");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_converted_is_parked_and_forwarded() {
    let (_hub, way) = hub();
    let (old, new) = (Office::new(0), Office { version: 3, ..Office::new(1) });
    let replica = old.open().await;
    let id = Id::<first::Visit>::named("v").unwrap();
    replica.edit(&id, |it| it.emit(first::Signed { by: String::new() })).await.unwrap();
    replica.edit(&id, |it| it.emit(first::Signed { by: "Ann".into() })).await.unwrap();
    replica.sync_once(way.clone()).await.unwrap();

    let replica = new.open().await;
    replica.sync_once(way.clone()).await.unwrap();
    assert_eq!(replica.status().await.unwrap().parked, 1);
    let id = Id::<third::Visit>::named("v").unwrap();
    let visit = replica.get(&id).await.unwrap().unwrap();
    assert_eq!(visit, third::Visit { title: "3 of nobody".into(), signatures: 1, by: 3 });
    // Whoever can read it still gets it.
    let other = Office { version: 2, ..Office::new(2) }.open().await;
    other.sync_once(way).await.unwrap();
    let id = Id::<second::Visit>::named("v").unwrap();
    assert_eq!(other.get(&id).await.unwrap().unwrap().signatures, 2);
    assert_eq!(other.status().await.unwrap().parked, 0);
}

/// A store, and the version of the program that opens it.
struct Office {
    number: usize,
    version: u32,
    store: Arc<dyn EventStore>,
}

impl Office {
    fn new(number: usize) -> Self {
        Self { number, version: 1, store: Arc::new(MemoryStore::new().unwrap()) }
    }

    async fn open(&self) -> Replica {
        let registry: Registry = match self.version {
            1 => registry![first::Visit],
            2 => registry![second::Visit],
            _ => registry![third::Visit],
        };
        Replica::builder().registry(registry).over(self.store.clone()).await.unwrap()
    }

    /// Signs a visit, in the way that the version knows, and syncs.
    async fn work(&self, way: &ChannelTransport) {
        let replica = self.open().await;
        let by = "x".repeat(self.number);
        let of = Some(format!("version {}", self.version));
        match self.version {
            1 => {
                let id = Id::<first::Visit>::named("v").unwrap();
                replica.edit(&id, |it| it.emit(first::Signed { by })).await.unwrap();
            }
            2 => {
                let id = Id::<second::Visit>::named("v").unwrap();
                replica.edit(&id, |it| it.emit(second::Signed { by, of })).await.unwrap();
            }
            _ => {
                let id = Id::<third::Visit>::named("v").unwrap();
                let by = u32::try_from(self.number).unwrap();
                replica.edit(&id, |it| it.emit(third::Signed { by, of })).await.unwrap();
            }
        }
        replica.sync_once(way.clone()).await.unwrap();
    }

    async fn settled(&self, way: &ChannelTransport) -> [u8; 32] {
        let replica = self.open().await;
        replica.sync_once(way.clone()).await.unwrap();
        assert_eq!(replica.status().await.unwrap().parked, 0);
        replica.state_hash().await.unwrap()
    }
}

/// Every order in which three offices are upgraded twice.
fn interleavings(begun: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
    if begun.len() == 6 {
        all.push(begun.clone());
        return;
    }
    for office in 0..3 {
        if begun.iter().filter(|upgraded| **upgraded == office).count() < 2 {
            begun.push(office);
            interleavings(begun, all);
            begun.pop();
        }
    }
}
