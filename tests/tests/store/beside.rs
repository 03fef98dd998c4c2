//! Reading a file beside the process that writes it, and reading one that is left as it is.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use synckit::id::{Position, SpaceId};
use synckit::store::{EventStore, RedbOptions, StoreErrorKind};
use synckit::testing::{Author, batch};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn hub(&self) -> EventStore {
        EventStore::open(self.path("hub"), RedbOptions::hub()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_hub_writes_on_while_others_read_and_follow() {
    let (folder, space) = (Folder::new(), SpaceId::default());
    let (hub, mut ann) = (folder.hub(), Author::new(1));
    hub.commit(batch([&ann.write("one")])).await.unwrap();
    let readers = [
        EventStore::open_read_only(folder.path("hub")).await.unwrap(),
        EventStore::open_read_only(folder.path("hub")).await.unwrap(),
    ];
    for reader in &readers {
        assert_eq!(reader.head(&space).await.unwrap(), Position(1));
        assert_eq!(reader.key().id(), hub.key().id());
    }
    for number in 2..50 {
        let (written, seen) = tokio::join!(
            hub.commit(batch([&ann.write(&"text ".repeat(40))])),
            readers[0].moved(&space, Position(number - 1)),
        );
        assert_eq!(seen.unwrap(), written.unwrap().head);
    }
    let page = readers[1].read_after(&space, Position(48)).await.unwrap();
    assert_eq!((page.head, page.blocks.len()), (Position(49), 1));
    let history = readers[1].history(&space, ann.aggregate(), Position::START).await.unwrap();
    assert_eq!(history.blocks.len(), 49);
}

#[tokio::test]
async fn a_reader_writes_nothing_and_what_it_read_stays_what_it_was() {
    let (folder, space) = (Folder::new(), SpaceId::default());
    let (hub, mut ann) = (folder.hub(), Author::new(1));
    hub.commit(batch([&ann.write("one")])).await.unwrap();
    let key = hub.key().id();
    hub.close().await.unwrap();
    fs::copy(folder.path("hub"), folder.path("copy")).unwrap();
    let before = fs::read(folder.path("copy")).unwrap();

    let reader = EventStore::open_read_only(folder.path("copy")).await.unwrap();
    assert_eq!(reader.head(&space).await.unwrap(), Position(1));
    assert_eq!(reader.key().id(), key, "a copy that is only read is not told from the file");
    let error = reader.commit(batch([&ann.write("two")])).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::ReadOnly);
    assert_eq!(reader.head(&space).await.unwrap(), Position(1));
    reader.close().await.unwrap();
    assert_eq!(fs::read(folder.path("copy")).unwrap(), before);
    assert_eq!(folder.files(), [".hub.opening", "copy", "hub"]);

    let reader = EventStore::open_read_only(folder.path("hub")).await.unwrap();
    drop(reader);
    assert_eq!(folder.hub().key().id(), key, "its next opening goes on");
}

#[tokio::test]
async fn whoever_lets_nobody_read_beside_is_named() {
    let folder = Folder::new();
    let alone = EventStore::open(folder.path("hub"), RedbOptions::default()).unwrap();
    let error = EventStore::open_read_only(folder.path("hub")).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::OpenHere);
    alone.close().await.unwrap();
    let reader = EventStore::open_read_only(folder.path("hub")).await.unwrap();
    let error = EventStore::open(folder.path("hub"), RedbOptions::default()).unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::OpenHere);
    let hub = EventStore::open(folder.path("hub"), RedbOptions::hub()).unwrap();
    let second = EventStore::open(folder.path("hub"), RedbOptions::hub()).unwrap_err();
    assert_eq!(*second.kind(), StoreErrorKind::OpenHere, "one process writes");
    drop((hub, reader));
}

#[tokio::test]
async fn what_is_not_there_is_not_made_and_what_is_no_store_is_refused() {
    let folder = Folder::new();
    let error = EventStore::open_read_only(folder.path("none")).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Io);
    fs::write(folder.path("text"), "no store").unwrap();
    let error = EventStore::open_read_only(folder.path("text")).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::NotAStore);
    assert_eq!(folder.files(), ["text"]);
}

#[tokio::test]
async fn a_file_that_was_not_closed_is_recovered_and_read() {
    let (folder, space) = (Folder::new(), SpaceId::default());
    for options in [RedbOptions::hub(), RedbOptions::default()] {
        let store = EventStore::open(folder.path("hub"), options).unwrap();
        let mut ann = Author::new(1);
        store.commit(batch([&ann.write("one")])).await.unwrap();
        // As the disk holds it when the power fails.
        fs::copy(folder.path("hub"), folder.path("crashed")).unwrap();
        drop(store);
        let reader = EventStore::open_read_only(folder.path("crashed")).await.unwrap();
        assert_eq!(reader.head(&space).await.unwrap(), Position(1));
        drop(reader);
        fs::remove_file(folder.path("hub")).unwrap();
        fs::remove_file(folder.path(".hub.opening")).unwrap();
    }
}

#[tokio::test]
async fn spaces_are_listed_page_by_page() {
    let store = EventStore::in_memory().unwrap();
    assert_eq!(store.spaces(None, 10).await.unwrap(), []);
    for space in ["b", "a", "a/b", "c"] {
        let mut ann = Author::new(1).in_space(space);
        let blocks = [ann.write("one"), ann.write("two")];
        let mut batch = batch(&blocks);
        batch.space = SpaceId::new(space).unwrap();
        store.commit(batch).await.unwrap();
    }
    let (mut names, mut last) = (Vec::new(), None);
    loop {
        let page = store.spaces(last.as_ref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(space) = page.last() else { break };
        last = Some(space.id.clone());
        for space in page {
            assert_eq!((space.end.position, space.branches, space.states), (Position(2), 1, None));
            names.push(space.id.to_string());
        }
    }
    assert_eq!(names, ["a", "a/b", "b", "c"]);
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_by_its_close() {
    let (folder, space) = (Folder::new(), SpaceId::default());
    let _hub = folder.hub();
    let reader = EventStore::open_read_only(folder.path("hub")).await.unwrap();
    let waiting = reader.moved(&space, Position::START);
    let closing = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        reader.close().await
    };
    let (waited, closed) = tokio::join!(waiting, closing);
    assert_eq!(*waited.unwrap_err().kind(), StoreErrorKind::Closed);
    closed.unwrap();
}

/// A file that an older program wrote, and that nobody has opened for writing since.
#[tokio::test]
async fn a_file_that_is_older_than_a_table_is_read() {
    let (folder, space) = (Folder::new(), SpaceId::default());
    let (hub, mut ann) = (folder.hub(), Author::new(1));
    hub.commit(batch([&ann.write("one")])).await.unwrap();
    hub.close().await.unwrap();
    for (name, is_older) in [("states", true), ("parts", false)] {
        let database = redb::Database::open(folder.path("hub")).unwrap();
        let txn = database.begin_write().unwrap();
        let table = |name| redb::TableDefinition::<&[u8], &[u8]>::new(name);
        if is_older {
            assert!(txn.delete_table(table(name)).unwrap());
        } else {
            txn.rename_table(table(name), table("damaged")).unwrap();
        }
        txn.commit().unwrap();
        drop(database);
        let reader = EventStore::open_read_only(folder.path("hub")).await.unwrap();
        assert_eq!(reader.head(&space).await.unwrap(), Position(1));
        let state = reader.state(&space, ann.aggregate()).await;
        let kind = state.map_err(|error| error.kind().clone());
        assert_eq!(kind, if is_older { Ok(None) } else { Err(StoreErrorKind::Corrupt) });
        reader.close().await.unwrap();
    }
}
