//! Word that an opening leaves for the next one: whatever fails meanwhile, it refuses no opening, and
//! costs no key that it need not.

use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use synckit::id::ReplicaId;
use synckit::store::{
    ENTROPY_LEN, EventStore, FileMarks, Medium, OpeningId, RedbOptions, StoreError,
};
use synckit::testing::faults::{FaultyDisk, Leftover};

#[test]
fn a_full_disk_refuses_no_opening_that_it_would_not_refuse_anyway() {
    for elsewhere in [false, true] {
        let (made, before, changes) = Told::made(elsewhere);
        for nth in 0..=changes {
            let told = made.duplicate();
            told.disk.full_at(nth);
            let opens = EventStore::open_on(Arc::new(told.disk.duplicate()), options()).is_ok();
            match told.open() {
                Ok(store) => assert!(elsewhere || store.key().id() == before),
                Err(error) => assert!(!opens, "after {nth} changes: {error:?}"),
            }
            told.disk.repair();
            let key = told.key();
            assert_eq!(key != before, elsewhere, "after {nth} changes");
            assert_eq!(told.key(), key, "after {nth} changes");
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_of_an_opening_costs_no_key_and_saves_none() {
    for elsewhere in [false, true] {
        let (made, before, changes) = Told::made(elsewhere);
        for (nth, seed) in (0..=changes).zip(1..) {
            for leftover in [Leftover::Nothing, Leftover::Everything, Leftover::Torn(seed)] {
                let told = made.duplicate();
                told.disk.power_fails_at(nth);
                drop(told.open());
                told.disk.restart(leftover);
                let key = told.key();
                assert_eq!(key != before, elsewhere, "after {nth} changes, {leftover:?}");
                assert_eq!(told.key(), key, "after {nth} changes, {leftover:?}");
            }
        }
    }
}

fn options() -> RedbOptions {
    RedbOptions::default()
}

/// A faulty disk on a system that tells of files.
#[derive(Clone, Debug)]
struct Told {
    disk: FaultyDisk,
    place: Arc<Mutex<FileMarks>>,
    beside: Arc<Mutex<Option<OpeningId>>>,
    /// Distinguishes what is drawn.
    drawn: Arc<Mutex<u8>>,
}

impl Told {
    /// A store that was opened before, its key, and how many changes the next opening makes.
    fn made(elsewhere: bool) -> (Self, ReplicaId, u64) {
        let told = Self {
            disk: FaultyDisk::new(),
            place: Arc::default(),
            beside: Arc::default(),
            drawn: Arc::default(),
        };
        told.put(false);
        let before = told.key();
        assert_eq!(told.key(), before);
        told.put(elsewhere);
        let tried = told.duplicate();
        tried.key();
        (told.duplicate(), before, tried.disk.changes() - told.disk.changes())
    }

    /// Another disk in the same state.
    fn duplicate(&self) -> Self {
        Self {
            disk: self.disk.duplicate(),
            place: Arc::new(Mutex::new(self.place.lock().unwrap().clone())),
            beside: Arc::new(Mutex::new(*self.beside.lock().unwrap())),
            drawn: Arc::new(Mutex::new(*self.drawn.lock().unwrap())),
        }
    }

    /// Puts the file here, or elsewhere.
    fn put(&self, elsewhere: bool) {
        let number = Some(u64::from(elsewhere));
        let place = FileMarks { born: number, inode: number, ..FileMarks::default() };
        *self.place.lock().unwrap() = place;
    }

    fn open(&self) -> Result<EventStore, StoreError> {
        EventStore::open_on(Arc::new(self.clone()), options())
    }

    /// Opens the store; the key that it then writes under.
    fn key(&self) -> ReplicaId {
        self.open().unwrap().key().id()
    }
}

impl Medium for Told {
    fn name(&self) -> String {
        self.disk.name()
    }

    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        Medium::open(&self.disk)
    }

    fn create(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.disk.create()
    }

    fn publish(&self) -> io::Result<()> {
        self.disk.publish()
    }

    fn place(&self) -> Option<FileMarks> {
        Some(self.place.lock().unwrap().clone())
    }

    fn beside(&self) -> Option<OpeningId> {
        *self.beside.lock().unwrap()
    }

    fn leave_beside(&self, opening: &OpeningId) -> io::Result<()> {
        *self.beside.lock().unwrap() = Some(*opening);
        Ok(())
    }

    fn entropy(&self) -> io::Result<[u8; ENTROPY_LEN]> {
        let mut drawn = self.drawn.lock().unwrap();
        *drawn += 1;
        Ok([*drawn; ENTROPY_LEN])
    }
}
