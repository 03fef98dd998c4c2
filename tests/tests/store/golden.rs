//! Format 2, byte for byte: what this version writes, and that what was written then is still read.
//!
//! The golden file has the rows of every table, not redb's pages: how redb lays them out is redb's
//! business. `SYNCKIT_BLESS=1` rewrites it, which is right only for rows that no release has
//! written.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, TableDefinition, TableHandle};
use synckit::store::{EventStore, RedbOptions};
use synckit::testing::faults::FaultyDisk;
use synckit::testing::{Author, batch};

use crate::support::{Contents, open_on, story};

type Raw = TableDefinition<'static, &'static [u8], &'static [u8]>;
/// The rows of each table.
type Rows = BTreeMap<String, Vec<(String, String)>>;

/// Longer values are cut off: their seals and checksums stand at the beginning.
const SHOWN_BYTES_MAX: usize = 1_024;

#[tokio::test]
async fn rows_are_written_as_they_were_in_format_2() {
    let found = print(&rows_of(&tell().await));
    if std::env::var_os("SYNCKIT_BLESS").is_some() {
        fs::write(golden(), &found).unwrap();
    }
    let expected = fs::read_to_string(golden()).unwrap();
    assert!(found == expected, "format 2 has changed; {} differs", golden().display());
}

#[tokio::test]
async fn rows_that_were_written_in_format_2_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    write_golden(&path);
    let then = EventStore::open(&path, RedbOptions::default()).unwrap();
    let today = open_on(&FaultyDisk::holding(tell().await), &RedbOptions::default()).unwrap();
    assert_eq!(then.key().id(), today.key().id());
    let contents = Contents::read(&then).await.unwrap();
    assert_eq!(contents, Contents::read(&today).await.unwrap());
    assert_eq!(contents.events(), 7);
}

/// The file of a store that has rows of every kind.
async fn tell() -> Vec<u8> {
    let disk = FaultyDisk::new();
    let store = open_on(&disk, &RedbOptions::default()).unwrap();
    let mut batches = story().0;
    batches.truncate(2);
    for batch in batches {
        store.commit(batch).await.unwrap();
    }
    let fork = Author::new(1).write("another");
    store.commit(batch([&fork])).await.unwrap();
    let mut bob = Author::new(2).in_space("another");
    store.commit(batch([&bob.many(40, 1)])).await.unwrap();
    store.close().await.unwrap();
    disk.image()
}

fn rows_of(image: &[u8]) -> Rows {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::write(&path, image).unwrap();
    let database = Database::open(&path).unwrap();
    let txn = database.begin_read().unwrap();
    let mut tables = Rows::new();
    for table in txn.list_tables().unwrap() {
        let rows = txn.open_table(Raw::new(leaked(table.name()))).unwrap();
        let rows = rows.range::<&[u8]>(..).unwrap().map(|row| {
            let (key, value) = row.unwrap();
            (hex(key.value()), hex(&value.value()[..value.value().len().min(SHOWN_BYTES_MAX)]))
        });
        tables.insert(table.name().to_owned(), rows.collect());
    }
    tables
}

/// Makes a redb file of the golden rows.
fn write_golden(path: &Path) {
    let database = Database::create(path).unwrap();
    let txn = database.begin_write().unwrap();
    let mut table = None;
    for line in fs::read_to_string(golden()).unwrap().lines() {
        if let Some(name) = line.strip_prefix("table ") {
            drop(table.take());
            table = Some(txn.open_table(Raw::new(leaked(name))).unwrap());
        } else if let (Some(table), Some((key, value))) = (&mut table, line.split_once(" = ")) {
            table.insert(bytes(key).as_slice(), bytes(value).as_slice()).unwrap();
        }
    }
    drop(table);
    txn.commit().unwrap();
}

fn print(tables: &Rows) -> String {
    let mut text = String::new();
    for (name, rows) in tables {
        writeln!(text, "table {name}").unwrap();
        for (key, value) in rows {
            writeln!(text, "{key} = {value}").unwrap();
        }
    }
    text
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/store-2.txt")
}

/// redb wants names that live as long as the program.
fn leaked(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
