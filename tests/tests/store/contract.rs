//! The contract of stores, over every back end.

use std::path::PathBuf;
use std::sync::Arc;

use synckit::store::{EventStore, MemoryRows, RedbOptions};
use synckit::testing::store::Store;
use synckit::testing::store_contract;

mod in_memory {
    use super::*;

    async fn make() -> Store {
        Arc::new(EventStore::over(MemoryRows::new()).await.unwrap())
    }
    store_contract!(make);
}

mod in_a_file {
    use super::*;

    async fn open(path: PathBuf) -> Store {
        Arc::new(EventStore::open(path, RedbOptions::default()).unwrap())
    }
    store_contract!(durable: open);
}

mod of_a_hub {
    use super::*;

    async fn open(path: PathBuf) -> Store {
        Arc::new(EventStore::open(path, RedbOptions::hub()).unwrap())
    }
    store_contract!(durable: open);
}
