//! A bit flips in one row, of every kind that there is: what opens, what is saved, what comes back
//! from peers, and what is named.

use std::fmt;
use std::fs;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use synckit::hub::{Authority, HubBuilder, Proposal, Rejection};
use synckit::id::SpaceId;
use synckit::store::{SalvageReport, StoreErrorKind, Table};
use synckit::{ErrorKind, Hub, Replica, registry};

use super::support::{Book, Disk, assert_agree, book, settle, visit, way_to};

/// Visits that everybody has, and one that only Ann has.
const SYNCED: [&str; 4] = ["a0", "a1", "b0", "b1"];
const UNSYNCED: &str = "not synced";

#[tokio::test]
async fn a_bit_that_flips_in_a_row_of_a_replica() {
    let images = Images::new().await;
    for row in ends_of_tables(rows_of(&images.ann)) {
        let disk = images.restored();
        fs::write(disk.file("ann"), flipped(&images.ann, &row)).unwrap();
        let error = open(&disk, "ann", false).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Store(StoreErrorKind::Corrupt), "{row}: {error:?}");

        let ann = open(&disk, "ann", true).await.unwrap();
        let report = ann.store().salvaged().unwrap().clone();
        assert_eq!(fs::read(&report.damaged).unwrap(), flipped(&images.ann, &row), "{row}");
        let lost = assert_named(&row, &report);

        // She goes on, and whatever peers have comes back.
        visit(&ann, "after the damage").await;
        let (hub, bob) = images.others(&disk).await;
        settle(&hub, &[&ann, &bob, &ann]).await;
        let mut visits = SYNCED.to_vec();
        visits.push("after the damage");
        if !lost {
            visits.push(UNSYNCED);
        }
        assert_agree(&[&ann, &bob], &visits).await;
        assert_eq!(ann.store().left(ann.space()).await.unwrap(), [], "{row}");
        for visit in ["a0", "a1"] {
            assert!(!visit_once(&ann, visit).await, "{row}");
        }
        ann.close().await.unwrap();
        open(&disk, "ann", false).await.unwrap().close().await.unwrap();
    }
}

/// Checks what a report says, which depends on the table; true if the visit is lost that only Ann
/// had.
fn assert_named(row: &Row, report: &SalvageReport) -> bool {
    let [space] = &report.spaces[..] else { panic!("{row}: {report}") };
    let saved = (report.is_whole, report.keeps_key, space.lost.len(), space.left.is_empty());
    match (row.table, row.key.as_slice()) {
        (Table::Log, _) => {
            let is_last = space.left.is_empty();
            assert_eq!((saved.0, saved.1, saved.2), (false, false, 1), "{row}: {report}");
            let own = report.author.unwrap();
            assert!(!is_last || space.lost[0].author == own, "{row}: {report}");
            is_last
        }
        // Whatever tells which store it is, and which spaces it had: nothing else is lost.
        (Table::Meta, b"format" | b"identity" | b"spaces") => {
            assert_eq!(saved, (false, false, 0, true), "{row}: {report}");
            false
        }
        // The end of the log is proved by an older copy of the row, if the file has one.
        (Table::Spaces, _) => {
            assert_eq!((saved.0, saved.2, saved.3), (saved.1, 0, true), "{row}: {report}");
            false
        }
        // All of it follows from the blocks, or is learnt again.
        _ => {
            assert_eq!(saved, (true, true, 0, true), "{row}: {report}");
            false
        }
    }
}

#[tokio::test]
async fn a_bit_that_flips_in_a_row_of_a_hub() {
    let images = Images::new().await;
    for row in ends_of_tables(rows_of(&images.hub)) {
        let disk = images.restored();
        fs::write(disk.file("hub"), flipped(&images.hub, &row)).unwrap();
        let (hub, bob) = images.others(&disk).await;
        let (ann, cleo) = (open(&disk, "ann", false).await.unwrap(), in_memory().await);
        for replica in [&cleo, &ann, &bob, &cleo, &ann, &bob] {
            // A session that meets the damage ends; the hub has mended its file by the next.
            while let Err(error) = replica.sync_once(way_to(&hub)).await {
                assert!(error.is_retryable(), "{row}: {error:?}");
            }
        }
        let mut visits = SYNCED.to_vec();
        visits.push(UNSYNCED);
        assert_agree(&[&ann, &bob, &cleo], &visits).await;
        // Whatever is read on the way to what a newcomer lacks is noticed.
        let noticed = matches!(row.table, Table::Log | Table::Spaces);
        assert!(!noticed || hub.store().salvaged().is_some(), "{row}");
        hub.close().await.unwrap();
    }
}

/// Blocks that wait for one that is lost can be hit as well.
#[tokio::test]
async fn a_bit_that_flips_in_a_block_that_waits() {
    let images = Images::new().await;
    let first = rows_of(&images.ann).into_iter().find(|row| row.table == Table::Log).unwrap();
    let disk = images.restored();
    fs::write(disk.file("ann"), flipped(&images.ann, &first)).unwrap();
    open(&disk, "ann", true).await.unwrap().close().await.unwrap();
    let image = fs::read(disk.file("ann")).unwrap();
    let left: Vec<_> = rows_of(&image).into_iter().filter(|row| row.table == Table::Left).collect();
    assert!(left.len() > 3);
    for row in &left[..3] {
        let disk = images.restored();
        fs::write(disk.file("ann"), flipped(&image, row)).unwrap();
        let ann = open(&disk, "ann", true).await.unwrap();
        let report = ann.store().salvaged().unwrap();
        let lost: usize = report.spaces.iter().map(|space| space.lost.len()).sum();
        assert!(lost > 0, "{row}: {report}");
        let (hub, bob) = images.others(&disk).await;
        settle(&hub, &[&ann, &bob, &ann]).await;
        let mut visits = SYNCED.to_vec();
        visits.push(UNSYNCED);
        assert_agree(&[&ann, &bob], &visits).await;
        assert_eq!(ann.store().left(ann.space()).await.unwrap(), [], "{row}");
    }
}

/// Closed files of a governed space, with rows of every kind: the hub refused something, Ann and Bob
/// wrote concurrently, and Ann has a visit that she has not synced.
struct Images {
    ann: Vec<u8>,
    bob: Vec<u8>,
    hub: Vec<u8>,
}

impl Images {
    async fn new() -> Self {
        let disk = Disk::new();
        let hub = hub().open(disk.file("hub")).await.unwrap();
        let ann = open(&disk, "ann", false).await.unwrap();
        let bob = open(&disk, "bob", false).await.unwrap();
        // Large enough that its state stands in parts.
        let page = "a long page of the book\n".repeat(2_000);
        ann.edit(&book(), |it| it.page.insert(0, &page)).await.unwrap();
        for n in 0..2 {
            assert!(visit_once(&ann, &format!("a{n}")).await);
            visit(&bob, &format!("b{n}")).await;
            visit(&ann, &format!("spam {n}")).await;
            settle(&hub, &[&ann, &bob]).await;
        }
        visit(&ann, UNSYNCED).await;
        ann.close().await.unwrap();
        bob.close().await.unwrap();
        hub.close().await.unwrap();
        let [ann, bob, hub] = ["ann", "bob", "hub"].map(|name| fs::read(disk.file(name)).unwrap());
        Self { ann, bob, hub }
    }

    /// A disk with all of them.
    fn restored(&self) -> Disk {
        let disk = Disk::new();
        for (name, image) in [("ann", &self.ann), ("bob", &self.bob), ("hub", &self.hub)] {
            fs::write(disk.file(name), image).unwrap();
        }
        disk
    }

    /// The hub and Bob.
    async fn others(&self, disk: &Disk) -> (Hub, Replica) {
        let hub = hub().open(disk.file("hub")).await.unwrap();
        (hub, open(disk, "bob", false).await.unwrap())
    }
}

/// A visit with an idempotency key; false if it was made before.
async fn visit_once(replica: &Replica, signature: &str) -> bool {
    let sign = |it: &mut synckit::Edit<'_, Book>| {
        it.line.set(signature);
        it.visits.add(1);
        it.signatures.insert(signature);
    };
    replica.edit_once(&book(), signature, sign).await.unwrap().is_some()
}

struct Row {
    table: Table,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table.name(), self.key.escape_ascii())
    }
}

/// The rows of a closed file.
fn rows_of(image: &[u8]) -> Vec<Row> {
    let disk = Disk::new();
    fs::write(disk.file("read"), image).unwrap();
    let database = Database::open(disk.file("read")).unwrap();
    let txn = database.begin_read().unwrap();
    let mut rows = Vec::new();
    for table in Table::ALL {
        let named = TableDefinition::<&[u8], &[u8]>::new(table.name());
        let Ok(opened) = txn.open_table(named) else { continue };
        for row in opened.iter().unwrap() {
            let (key, value) = row.unwrap();
            rows.push(Row { table, key: key.value().to_vec(), value: value.value().to_vec() });
        }
    }
    rows
}

/// The first and the last row of each table, and all that tell of the store.
fn ends_of_tables(rows: Vec<Row>) -> Vec<Row> {
    let tables: Vec<_> = rows.iter().map(|row| row.table).collect();
    let is_end = |at: usize| {
        let neighbour = |at: Option<usize>| at.and_then(|at| tables.get(at));
        let ends = [neighbour(at.checked_sub(1)), neighbour(Some(at + 1))];
        tables[at] == Table::Meta || ends.iter().any(|of| *of != Some(&tables[at]))
    };
    let ends = rows.into_iter().enumerate().filter(|(at, _)| is_end(*at));
    ends.map(|(_, row)| row).collect()
}

/// Flips a bit in the last byte of every copy of a row's value that a file holds.
fn flipped(image: &[u8], row: &Row) -> Vec<u8> {
    let mut bytes = image.to_vec();
    let places: Vec<_> =
        (0..image.len()).filter(|at| image[*at..].starts_with(&row.value)).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place + row.value.len() - 1] ^= 1;
    }
    bytes
}

async fn open(disk: &Disk, name: &str, salvage: bool) -> Result<Replica, synckit::Error> {
    let builder = Replica::builder().registry(registry![Book]).space(space()).salvage(salvage);
    builder.open(disk.file(name)).await
}

async fn in_memory() -> Replica {
    Replica::builder().registry(registry![Book]).space(space()).in_memory().await.unwrap()
}

fn no_spam(proposal: &Proposal) -> Result<(), Rejection> {
    let spam = |payload: &[u8]| payload.windows(4).any(|word| word == b"spam");
    if proposal.events.iter().any(|event| spam(&event.payload)) {
        return Err(Rejection::new("visit.spam", "visits do not advertise").unwrap());
    }
    Ok(())
}

fn hub() -> HubBuilder {
    Hub::builder().authority(authority()).policy(no_spam)
}

fn authority() -> Authority {
    Authority::from_seed(&[7; 32])
}

fn space() -> SpaceId {
    authority().space("visits").unwrap()
}
