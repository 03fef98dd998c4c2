//! Every store keeps the contract of `EventStore`.

use std::path::PathBuf;
use std::sync::Arc;

use synckit::store::{MemoryStore, RedbOptions, RedbStore};
use synckit::testing::store::Store;
use synckit::testing::store_contract;

mod in_memory {
    use super::*;

    async fn make() -> Store {
        Arc::new(MemoryStore::new().unwrap())
    }
    store_contract!(make);
}

mod in_a_file {
    use super::*;

    async fn open(path: PathBuf) -> Store {
        Arc::new(RedbStore::open(path, RedbOptions::default()).unwrap())
    }
    store_contract!(durable: open);
}

mod of_a_hub {
    use super::*;

    async fn open(path: PathBuf) -> Store {
        Arc::new(RedbStore::open(path, RedbOptions::hub()).unwrap())
    }
    store_contract!(durable: open);
}
