//! Promises of the seam: ranges, limits, guards.

use bytes::Bytes;

use super::{Store, commit};
use crate::id::Position;
use crate::store::{Change, Guard, KeyRange, Read, StoreErrorKind, Table, WriteSet, sealed_value};
use crate::testing::{Author, batch};

/// Keys of no space.
const PREFIX: u8 = 0xff;
const TABLE: Table = Table::Conflicted;

/// Rows come ascending; a floor begins earlier only where the first key is not there.
pub async fn rows_are_read_by_range_floor_and_limits(store: Store) {
    write(&store, &[], [1, 3, 5, 7].map(put).into()).await.unwrap();
    assert_eq!(read(&store, range(1, 8)).await, [1, 3, 5, 7]);
    assert_eq!(read(&store, range(2, 7)).await, [3, 5]);
    assert_eq!(read(&store, to_the_end(5)).await, [5, 7]);
    assert_eq!(read(&store, range(8, 9)).await, b"");
    assert_eq!(read(&store, Read::get(TABLE, &key(3))).await, [3]);
    assert_eq!(read(&store, Read::get(TABLE, &key(4))).await, b"");
    assert_eq!(read(&store, floor(1, range(4, 6))).await, [3, 5]);
    assert_eq!(read(&store, floor(1, range(3, 6))).await, [3, 5]);
    assert_eq!(read(&store, floor(4, range(4, 6))).await, [5]);
    assert_eq!(read(&store, floor(1, range(9, 9))).await, [7]);
    assert_eq!(read(&store, Read { rows_max: 2, ..range(1, 8) }).await, [1, 3]);
    assert_eq!(read(&store, Read { rows_max: 1, ..floor(1, range(4, 8)) }).await, [3]);
    assert_eq!(read(&store, Read { rows_max: 0, ..range(1, 8) }).await, b"");
    assert_eq!(read(&store, Read { bytes_max: 25, ..range(1, 8) }).await, [1, 3]);
    assert_eq!(read(&store, Read { bytes_max: 1, ..range(3, 8) }).await, [3]);
    let other = Read { table: Table::Cursors, ..range(1, 8) };
    assert_eq!(read(&store, other).await, b"");
}

/// Changes are made in their order, each on top of those before.
pub async fn rows_are_removed_by_range(store: Store) {
    write(&store, &[], [1, 3, 5, 7].map(put).into()).await.unwrap();
    let remove = Change::Remove { table: TABLE, range: KeyRange { from: key(3), to: key(7) } };
    write(&store, &[], vec![put(4), remove, put(5)]).await.unwrap();
    assert_eq!(read(&store, range(1, 9)).await, [1, 5, 7]);
    let rest = KeyRange { from: key(5), to: Vec::new() };
    write(&store, &[], vec![Change::Remove { table: TABLE, range: rest }]).await.unwrap();
    assert_eq!(read(&store, range(1, 9)).await, [1]);
}

/// A write of which one guard does not hold changes nothing.
pub async fn a_guard_that_does_not_hold_writes_nothing(store: Store) {
    let guard = |n, expected| Guard { table: TABLE, key: key(n), expected };
    write(&store, &[guard(1, None)], vec![put(1)]).await.unwrap();
    let other = Bytes::from_static(b"another");
    for broken in [guard(1, None), guard(1, Some(other.clone())), guard(2, Some(other))] {
        let error = write(&store, &[broken], vec![put(3)]).await.unwrap_err();
        assert_eq!(error.kind(), &StoreErrorKind::Contended);
    }
    write(&store, &[guard(1, Some(value(1))), guard(2, None)], vec![put(2)]).await.unwrap();
    assert_eq!(read(&store, range(1, 9)).await, [1, 2]);
}

/// A store whose rows another one writes as well admits on top of what is there.
pub async fn another_process_that_writes_is_noticed(store: Store) {
    let (mut ann, mut bob) = (Author::new(1), Author::new(2));
    commit(&store, batch([&ann.write("1"), &bob.write("a")])).await;
    // As another process does it: behind the back of what the store remembers.
    store.prune(ann.space(), Position(1)).await.unwrap();
    commit(&store, batch([&ann.write("2")])).await;
    let page = store.read_after(ann.space(), Position::START).await.unwrap();
    assert_eq!((page.begins, page.through), (Position(1), Position(3)));
}

async fn read(store: &Store, read: Read) -> Vec<u8> {
    let mut answers = store.rows().read(vec![read, Read::get(TABLE, &key(0))]).await.unwrap();
    assert_eq!(answers.len(), 2, "one answer for each read");
    let rows = answers.remove(0);
    assert!(rows.iter().all(|row| row.value == value(row.key[1])));
    rows.into_iter().map(|row| row.key[1]).collect()
}

async fn write(
    store: &Store,
    guards: &[Guard],
    changes: Vec<Change>,
) -> Result<(), crate::store::StoreError> {
    store.rows().write(WriteSet { guards: guards.to_vec(), changes }).await
}

fn key(n: u8) -> Vec<u8> {
    vec![PREFIX, n]
}

/// Twelve bytes: what follows the seal is for no reader.
fn value(n: u8) -> Bytes {
    sealed_value(TABLE, &key(n), b"four")
}

fn put(n: u8) -> Change {
    Change::Put { table: TABLE, key: key(n), value: value(n) }
}

fn range(from: u8, to: u8) -> Read {
    Read::range(TABLE, KeyRange { from: key(from), to: key(to) })
}

fn to_the_end(from: u8) -> Read {
    Read::range(TABLE, KeyRange { from: key(from), to: Vec::new() })
}

fn floor(n: u8, read: Read) -> Read {
    Read { floor: Some(key(n)), ..read }
}
