//! Opening: a store is made whole or not at all, belongs to one opener, and nothing else passes for
//! one.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use redb::{Database, ReadableDatabase, TableDefinition};
use synckit::id::{Position, SpaceId};
use synckit::store::{EventStore, RedbOptions, StoreError, StoreErrorKind, Table};
use synckit::testing::{Author, batch};
use tempfile::TempDir;
use tokio::time::timeout;

const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");

#[tokio::test]
async fn a_store_is_made_where_there_is_none_and_found_again() {
    let folder = Folder::new();
    let first = folder.open().unwrap();
    let key = first.key().id();
    first.close().await.unwrap();
    let again = folder.open().unwrap();
    assert_eq!(again.key().id(), key);
    assert_eq!(folder.files(), [".store.opening", "store"]);
}

/// Damage that a hub has not noticed can end its process; the next one looks for it.
#[tokio::test]
async fn a_hub_verifies_a_file_that_was_left_in_use() {
    let folder = Folder::new();
    let open = || EventStore::open(folder.path(), RedbOptions::hub());
    let store = open().unwrap();
    let text = "a text to be found in the file";
    store.commit(batch([&Author::new(1).write(text)])).await.unwrap();
    store.close().await.unwrap();
    let mut image = fs::read(folder.path()).unwrap();
    let place = image.windows(text.len()).position(|bytes| bytes == text.as_bytes()).unwrap();
    image[place] ^= 1;
    fs::write(folder.path(), image).unwrap();

    let store = open().unwrap();
    assert_eq!(folder.files(), [".store.in-use", ".store.opening", "store"]);
    store.close().await.unwrap();
    // It was closed as it should be: redb itself has no reason to look at it.
    assert_eq!(folder.files(), [".store.opening", "store"]);
    fs::write(folder.0.path().join(".store.in-use"), []).unwrap();
    assert_eq!(open().unwrap_err().kind(), &StoreErrorKind::Corrupt);
}

#[test]
fn two_stores_have_different_keys() {
    let (one, other) = (Folder::new(), Folder::new());
    let (one, other) = (one.open().unwrap(), other.open().unwrap());
    assert_ne!(one.key().id(), other.key().id());
}

#[test]
fn the_debug_text_of_a_store_shows_no_secret_key() {
    let store = EventStore::in_memory_as(&[b'k'; 32]);
    let text = format!("{store:?}");
    assert!(!text.contains("kkkk"), "{text}");
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_the_file_with_the_secret_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let _store = folder.open().unwrap();
    let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_second_open_is_refused_until_the_first_is_closed_or_dropped() {
    let folder = Folder::new();
    let first = folder.open().unwrap();
    let error = folder.open().unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::OpenHere);
    assert!(error.to_string().contains("store"), "names the file: {error}");
    first.close().await.unwrap();
    let second = folder.open().unwrap();
    drop(second);
    folder.open().unwrap();
}

#[tokio::test]
async fn what_was_committed_before_a_drop_is_there() {
    let folder = Folder::new();
    let mut ann = Author::new(1);
    let store = folder.open().unwrap();
    store.commit(batch([&ann.write("x")])).await.unwrap();
    drop(store);
    assert_eq!(folder.open().unwrap().head(ann.space()).await.unwrap(), Position(1));
}

#[test]
fn stores_made_at_the_same_moment_become_one() {
    let folder = Folder::new();
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| folder.open())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let opened = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(opened, 1);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.kind(), &StoreErrorKind::OpenHere, "{error:?}");
    }
    assert_eq!(folder.files(), [".store.opening", "store"]);
}

#[test]
fn what_a_crash_left_of_an_unfinished_store_is_removed() {
    let folder = Folder::new();
    fs::write(folder.0.path().join(".store.new-0000"), b"half a file").unwrap();
    fs::write(folder.0.path().join(".other.new-0000"), b"not ours").unwrap();
    folder.open().unwrap();
    assert_eq!(folder.files(), [".other.new-0000", ".store.opening", "store"]);
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    for contents in [&b""[..], b"x", b"SQLite format 3\0 and then some", &[0; 5_000]] {
        let folder = Folder::new();
        fs::write(folder.path(), contents).unwrap();
        let error = folder.open().unwrap_err();
        assert_eq!(error.kind(), &StoreErrorKind::NotAStore, "{error:?}");
        assert_eq!(fs::read(folder.path()).unwrap(), contents);
    }
}

#[test]
fn redb_files_of_others_are_refused() {
    let folder = Folder::new();
    let other = Database::create(folder.path()).unwrap();
    drop(other);
    assert_eq!(folder.open().unwrap_err().kind(), &StoreErrorKind::NotAStore);

    let folder = Folder::new();
    write_row(&folder.path(), TableDefinition::<&str, u64>::new("meta"), "format", 1);
    assert_eq!(folder.open().unwrap_err().kind(), &StoreErrorKind::NotAStore);
}

#[test]
fn a_file_of_a_later_version_is_refused_by_its_number() {
    let folder = Folder::new();
    folder.open().unwrap();
    // The seal is part of what every version keeps: BLAKE3 over the table, the key and the content.
    let row = seal(0, b"format", &3u32.to_be_bytes());
    write_row(&folder.path(), META, b"format", &row);
    let error = folder.open().unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::NewerFormat { found: 3, known: 2 });
}

#[test]
fn a_store_without_its_identity_is_damaged() {
    let folder = Folder::new();
    folder.open().unwrap();
    let database = Database::open(folder.path()).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().remove(&b"identity"[..]).unwrap();
    txn.commit().unwrap();
    drop(database);
    assert_eq!(folder.open().unwrap_err().kind(), &StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn a_row_in_anothers_place_is_noticed() {
    let folder = Folder::new();
    let store = folder.open().unwrap();
    let mut ann = Author::new(1);
    store.commit(batch([&ann.write("1"), &ann.write("2")])).await.unwrap();
    drop(store);
    swap_blocks(&folder.path());
    let store = folder.open().unwrap();
    let error = store.read_after(ann.space(), Position::START).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_deleted() {
    let (folder, mut ann) = (Folder::new(), Author::new(1));
    let store = folder.open().unwrap();
    store.commit(batch([&ann.write("1")])).await.unwrap();
    fs::remove_file(folder.path()).unwrap();
    for _ in 0..2 {
        let error = store.commit(batch([&ann.clone().write("2")])).await.unwrap_err();
        assert_eq!(error.kind(), &StoreErrorKind::Gone, "{error:?}");
    }
    let error = store.read_after(ann.space(), Position::START).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Gone, "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_replaced() {
    let (folder, mut ann) = (Folder::new(), Author::new(1));
    let store = folder.open().unwrap();
    store.commit(batch([&ann.write("1")])).await.unwrap();
    let copy = folder.0.path().join("backup");
    fs::copy(folder.path(), &copy).unwrap();
    fs::rename(&copy, folder.path()).unwrap();
    let error = store.commit(batch([&ann.write("2")])).await.unwrap_err();
    assert_eq!(error.kind(), &StoreErrorKind::Gone, "{error:?}");
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_cut() {
    let (folder, mut ann) = (Folder::new(), Author::new(1));
    let store = folder.open().unwrap();
    store.commit(batch([&ann.write("1")])).await.unwrap();
    let length = fs::metadata(folder.path()).unwrap().len();
    fs::OpenOptions::new().write(true).open(folder.path()).unwrap().set_len(length / 2).unwrap();
    let error = store.commit(batch([&ann.write("2")])).await.unwrap_err();
    let kind = error.kind();
    assert!(matches!(kind, StoreErrorKind::Gone | StoreErrorKind::Corrupt), "{error:?}");
}

#[test]
fn a_missing_folder_and_a_folder_in_the_files_place_are_named() {
    let folder = Folder::new();
    let missing = folder.0.path().join("nowhere").join("store");
    for path in [missing.as_path(), folder.0.path()] {
        let error = EventStore::open(path, RedbOptions::default()).unwrap_err();
        assert_eq!(error.kind(), &StoreErrorKind::Io, "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

/// Files of before there was a table get it when they are opened.
#[tokio::test]
async fn a_file_that_is_older_than_a_table_gets_it() {
    let folder = Folder::new();
    folder.open().unwrap().close().await.unwrap();
    let database = Database::open(folder.path()).unwrap();
    let txn = database.begin_write().unwrap();
    for table in [Table::Replicas, Table::Types] {
        let table = TableDefinition::<&[u8], &[u8]>::new(table.name());
        assert!(txn.delete_table(table).unwrap());
    }
    txn.commit().unwrap();
    drop(database);
    let store = folder.open().unwrap();
    assert_eq!(store.enrolled(None, None, 1).await.unwrap(), []);
    assert_eq!(store.types(&SpaceId::default()).await.unwrap(), []);
}

/// A folder with room for one store.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn open(&self) -> Result<EventStore, StoreError> {
        EventStore::open(self.path(), RedbOptions::default())
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn write_row<K: redb::Key + 'static, V: redb::Value + 'static>(
    path: &Path,
    table: TableDefinition<'_, K, V>,
    key: K::SelfType<'_>,
    value: V::SelfType<'_>,
) {
    let database = Database::create(path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(table).unwrap().insert(key, value).unwrap();
    txn.commit().unwrap();
}

/// Exchanges the first two rows of the log.
fn swap_blocks(path: &Path) {
    const LOG: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("log");
    let database = Database::open(path).unwrap();
    let rows: Vec<_> = {
        let txn = database.begin_read().unwrap();
        let log = txn.open_table(LOG).unwrap();
        let rows = log.range::<&[u8]>(..).unwrap().map(|row| row.unwrap());
        rows.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).collect()
    };
    let txn = database.begin_write().unwrap();
    {
        let mut log = txn.open_table(LOG).unwrap();
        log.insert(rows[0].0.as_slice(), rows[1].1.as_slice()).unwrap();
        log.insert(rows[1].0.as_slice(), rows[0].1.as_slice()).unwrap();
    }
    txn.commit().unwrap();
}

fn seal(table: u8, key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[table]).update(&(key.len() as u64).to_be_bytes()).update(key).update(content);
    [&hasher.finalize().as_bytes()[..8], content].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_nobody_polls_any_more_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let [mut ann, mut bob] = [1, 2].map(Author::new);
    for micros in [0, 20, 50, 100, 200, 500, 1_000] {
        // A store that was just opened reads what the batch builds on.
        let store = EventStore::open(folder.path().join("store"), RedbOptions::default()).unwrap();
        {
            let mut left = pin!(store.commit(batch([&ann.write("left")])));
            let begun = timeout(Duration::from_micros(micros), &mut left).await;
            let beside = store.commit(batch([&bob.write("beside")]));
            let beside = timeout(Duration::from_secs(20), beside).await;
            beside.unwrap_or_else(|_| panic!("left after {micros} µs")).unwrap();
            if begun.is_err() {
                left.await.unwrap();
            }
        }
        store.close().await.unwrap();
    }
}
