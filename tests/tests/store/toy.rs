//! A back end written from the public docs alone: one file to which every write is appended.
//!
//! An entry is its length, a checksum, and its changes one after the other. Opening replays the
//! file into memory; what a crash left of the last entry is cut off.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use synckit::store::{
    Change, EventStore, KeyRange, Read, Row, Rows, StoreError, StoreErrorKind, Table, WriteSet,
};
use synckit::testing::store::Store;
use synckit::testing::store_contract;

mod in_one_appended_file {
    use super::*;

    async fn open(path: PathBuf) -> Store {
        Arc::new(EventStore::over(Appended::open(&path).unwrap()).await.unwrap())
    }
    store_contract!(durable: open);
}

#[tokio::test]
async fn half_an_entry_at_the_end_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = EventStore::over(Appended::open(&path).unwrap()).await.unwrap();
    let mut ann = synckit::testing::Author::new(1);
    store.commit(synckit::testing::batch([&ann.write("1")])).await.unwrap();
    let whole = std::fs::metadata(&path).unwrap().len();
    store.commit(synckit::testing::batch([&ann.write("2")])).await.unwrap();
    store.close().await.unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(whole + 9).unwrap();
    let store = EventStore::over(Appended::open(&path).unwrap()).await.unwrap();
    assert_eq!(store.head(ann.space()).await.unwrap().0, 1);
}

#[derive(Debug)]
struct Appended(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Bytes>>,
}

impl Appended {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (mut tables, mut whole) = (BTreeMap::new(), 0);
        while let Some((changes, length)) = entry(&bytes[whole..]) {
            changes.into_iter().for_each(|change| apply(&mut tables, change));
            whole += length;
        }
        file.set_len(whole as u64)?;
        Ok(Self(Mutex::new(Inner { file, tables })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Rows for Appended {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        let inner = self.lock();
        let of = |read: &Read| {
            let rows = inner.tables.get(&read.table).into_iter().flatten();
            read.select(rows.map(|(key, value)| (key.as_slice(), value)))
        };
        Ok(reads.iter().map(of).collect())
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        let inner = &mut *self.lock();
        let tables = &inner.tables;
        write.check(|table, key| Ok(tables.get(&table).and_then(|rows| rows.get(key)).cloned()))?;
        let body: Vec<u8> = write.changes.iter().flat_map(encode).collect();
        let entry = [&(body.len() as u64).to_be_bytes()[..], &checksum(&body), &body].concat();
        let failed = |error| StoreError::new("write rows", StoreErrorKind::Io).caused_by(error);
        let before = inner.file.metadata().map_err(failed)?.len();
        let appended = inner.file.write_all(&entry).and_then(|()| inner.file.sync_data());
        if let Err(error) = appended {
            // The next entry must not stand behind half a one.
            inner.file.set_len(before).map_err(failed)?;
            return Err(failed(error));
        }
        write.changes.into_iter().for_each(|change| apply(&mut inner.tables, change));
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn apply(tables: &mut BTreeMap<Table, BTreeMap<Vec<u8>, Bytes>>, change: Change) {
    match change {
        Change::Put { table, key, value } => {
            tables.entry(table).or_default().insert(key, value);
        }
        Change::Remove { table, range } => {
            tables.entry(table).or_default().retain(|key, _| !range.contains(key));
        }
    }
}

/// A change: what it is, its table, and two byte strings.
fn encode(change: &Change) -> Vec<u8> {
    let (kind, table, first, second) = match change {
        Change::Put { table, key, value } => (0, table, key.as_slice(), value.as_ref()),
        Change::Remove { table, range } => (1, table, range.from.as_slice(), range.to.as_slice()),
    };
    let [one, two] = [first, second].map(|part| (part.len() as u64).to_be_bytes());
    [&[kind, table.number()][..], &one, first, &two, second].concat()
}

/// The changes of the first entry and its length; `None` when it is not whole.
fn entry(bytes: &[u8]) -> Option<(Vec<Change>, usize)> {
    let mut rest = bytes;
    let length = number(&mut rest)?;
    let found = take(&mut rest, 32)?;
    let mut body = take(&mut rest, length)?;
    if found != checksum(body) {
        return None;
    }
    let mut changes = Vec::new();
    while let Some(head) = take(&mut body, 2) {
        let table = *Table::ALL.iter().find(|table| table.number() == head[1])?;
        let [first, second] = [(); 2].map(|()| {
            let length = number(&mut body)?;
            take(&mut body, length).map(<[u8]>::to_vec)
        });
        let (first, second) = (first?, second?);
        changes.push(match head[0] {
            0 => Change::Put { table, key: first, value: second.into() },
            _ => Change::Remove { table, range: KeyRange { from: first, to: second } },
        });
    }
    Some((changes, bytes.len() - rest.len()))
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let number = take(bytes, 8)?.try_into().ok().map(u64::from_be_bytes)?;
    usize::try_from(number).ok()
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn checksum(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
