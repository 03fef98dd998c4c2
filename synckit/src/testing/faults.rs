//! A disk in memory that loses power, runs full or fails when it is told to.
//!
//! It keeps apart what was written and what was made durable: a power failure leaves the durable
//! bytes and, of what was written since, whatever part the test chooses, torn and in any order.
//! Operations that change something are counted, so that a test can fail each of them in turn. The
//! same calls give the same bytes.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::store::{ENTROPY_LEN, Medium};

/// The unit in which a power failure tears a write, in bytes.
const SECTOR_BYTES: usize = 512;

/// Remains, after a power failure, of what was written and not yet made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Leftover {
    /// All of it.
    Everything,
    /// Nothing of it.
    Nothing,
    /// Of each write all, nothing, or the first sectors; in an order of the seed's choice.
    Torn(u64),
}

/// Fault of operations that change something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FaultPlan {
    Sound,
    /// From this operation on there is no power.
    PowerFails(u64),
    /// From this operation on there is no space, until some is made.
    Full(u64),
    /// This operation fails. A failed sync forgets what it should have made durable.
    FailsOnce(u64),
}

/// A disk with room for one store. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk(Arc<Mutex<Disk>>);

#[derive(Clone, Debug)]
struct Disk {
    files: Vec<FaultyFile>,
    /// The file that has the store's name, and the one that will have it after a power failure.
    published: Option<usize>,
    published_durably: Option<usize>,
    changes: u64,
    reads: u64,
    plan: FaultPlan,
    failing_read: Option<u64>,
    /// Handles of before a power failure are dead.
    boots: u64,
    dark: bool,
}

#[derive(Clone, Debug, Default)]
struct FaultyFile {
    durable: Vec<u8>,
    written: Vec<u8>,
    pending: Vec<Operation>,
}

#[derive(Clone, Debug)]
enum Operation {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            published: None,
            published_durably: None,
            changes: 0,
            reads: 0,
            plan: FaultPlan::Sound,
            failing_read: None,
            boots: 0,
            dark: false,
        }
    }
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk that holds a store's file.
    pub fn holding(image: Vec<u8>) -> Self {
        let disk = Self::new();
        let file = FaultyFile { durable: image.clone(), written: image, pending: Vec::new() };
        disk.lock().files.push(file);
        disk.lock().published = Some(0);
        disk.lock().published_durably = Some(0);
        disk
    }

    /// Another disk in the same state.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// The bytes of the store's file as they are read back.
    pub fn image(&self) -> Vec<u8> {
        let disk = self.lock();
        disk.published.map(|file| disk.files[file].written.clone()).unwrap_or_default()
    }

    /// The number of operations that changed something, or tried to.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// The number of reads.
    pub fn reads(&self) -> u64 {
        self.lock().reads
    }

    /// The power fails at the `nth` change from now, counted from 0.
    pub fn power_fails_at(&self, nth: u64) {
        let mut disk = self.lock();
        disk.plan = FaultPlan::PowerFails(disk.changes + nth);
    }

    /// The disk is full from the `nth` change from now on, counted from 0.
    pub fn full_at(&self, nth: u64) {
        let mut disk = self.lock();
        disk.plan = FaultPlan::Full(disk.changes + nth);
    }

    /// The `nth` change from now fails, counted from 0, and those after it do not.
    pub fn change_fails_at(&self, nth: u64) {
        let mut disk = self.lock();
        disk.plan = FaultPlan::FailsOnce(disk.changes + nth);
    }

    /// The `nth` read from now fails, counted from 0, and those after it do not.
    pub fn read_fails_at(&self, nth: u64) {
        let mut disk = self.lock();
        disk.failing_read = Some(disk.reads + nth);
    }

    /// Ends all faults: there is space again.
    pub fn repair(&self) {
        let mut disk = self.lock();
        (disk.plan, disk.failing_read) = (FaultPlan::Sound, None);
    }

    /// Cuts the power, if it has not failed yet, and switches it on again. Handles of before do not
    /// work any more.
    pub fn restart(&self, leftover: Leftover) {
        let mut disk = self.lock();
        let mut random = Random(match leftover {
            Leftover::Torn(seed) => seed,
            _ => 0,
        });
        for file in &mut disk.files {
            file.lose(leftover, &mut random);
        }
        let named = match leftover {
            Leftover::Everything => true,
            Leftover::Nothing => false,
            Leftover::Torn(_) => random.below(2) == 0,
        };
        if named {
            disk.published_durably = disk.published;
        }
        disk.published = disk.published_durably;
        (disk.plan, disk.failing_read, disk.dark) = (FaultPlan::Sound, None, false);
        disk.boots += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, file: usize) -> Box<dyn StorageBackend> {
        Box::new(FileHandle { disk: self.clone(), file, boot: self.lock().boots })
    }
}

impl Medium for FaultyDisk {
    fn name(&self) -> String {
        "on a faulty disk".into()
    }

    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        let disk = self.lock();
        let published = disk.published;
        if disk.dark {
            return Err(io::Error::other("there is no power"));
        }
        drop(disk);
        Ok(published.map(|file| self.handle(file)))
    }

    fn create(&self) -> io::Result<Box<dyn StorageBackend>> {
        let mut disk = self.lock();
        disk.change()?;
        disk.files.push(FaultyFile::default());
        let file = disk.files.len() - 1;
        drop(disk);
        Ok(self.handle(file))
    }

    fn publish(&self) -> io::Result<()> {
        let mut disk = self.lock();
        if disk.published.is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        disk.change()?;
        disk.published = disk.files.len().checked_sub(1);
        disk.change()?;
        disk.published_durably = disk.published;
        Ok(())
    }

    fn entropy(&self) -> io::Result<[u8; ENTROPY_LEN]> {
        Ok([7; ENTROPY_LEN])
    }
}

impl Disk {
    /// Counts a change and fails it if that is the plan.
    fn change(&mut self) -> io::Result<()> {
        let now = self.changes;
        self.changes += 1;
        match self.plan {
            _ if self.dark => Err(io::Error::other("there is no power")),
            FaultPlan::PowerFails(at) if now >= at => {
                self.dark = true;
                Err(io::Error::other("the power fails"))
            }
            FaultPlan::Full(at) if now >= at => Err(ErrorKind::StorageFull.into()),
            FaultPlan::FailsOnce(at) if now == at => Err(io::Error::other("the disk fails")),
            _ => Ok(()),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let now = self.reads;
        self.reads += 1;
        match self.failing_read {
            _ if self.dark => Err(io::Error::other("there is no power")),
            Some(at) if at == now => Err(io::Error::other("the disk fails")),
            _ => Ok(()),
        }
    }
}

impl FaultyFile {
    fn lose(&mut self, leftover: Leftover, random: &mut Random) {
        let mut pending = std::mem::take(&mut self.pending);
        match leftover {
            Leftover::Everything => {}
            Leftover::Nothing => pending.clear(),
            Leftover::Torn(_) => {
                for place in (1..pending.len()).rev() {
                    pending.swap(place, random.below(place + 1));
                }
                pending.retain_mut(|change| random.tear(change));
            }
        }
        pending.iter().for_each(|change| change.apply(&mut self.durable));
        self.written = self.durable.clone();
    }

    fn make(&mut self, change: Operation) {
        change.apply(&mut self.written);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn forget_unsynced(&mut self) {
        self.pending.clear();
        self.written = self.durable.clone();
    }
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                // A write can become durable without the length that was set before it.
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }
}

/// An open file.
#[derive(Debug)]
struct FileHandle {
    disk: FaultyDisk,
    file: usize,
    boot: u64,
}

impl FileHandle {
    fn disk(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk.lock();
        if disk.boots != self.boot {
            return Err(io::Error::other("the handle is of before the power failure"));
        }
        Ok(disk)
    }

    fn change(&self, change: Operation) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.change()?;
        disk.files[self.file].make(change);
        Ok(())
    }
}

impl StorageBackend for FileHandle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk()?.files[self.file].written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.read()?;
        let bytes = &disk.files[self.file].written;
        let from = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
        let found = from.and_then(|from| from.get(..out.len()));
        out.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let length = usize::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
        self.change(Operation::Length(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk()?;
        match disk.change() {
            Ok(()) => disk.files[self.file].sync(),
            Err(error) => {
                if matches!(disk.plan, FaultPlan::FailsOnce(_)) {
                    disk.files[self.file].forget_unsynced();
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| ErrorKind::FileTooLarge)?;
        self.change(Operation::Write(offset, data.to_vec()))
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    /// Cuts a change down to what a power failure leaves of it; false when nothing.
    fn tear(&mut self, change: &mut Operation) -> bool {
        match (self.below(3), change) {
            (0, _) => false,
            (1, Operation::Write(_, data)) => {
                let sectors = self.below(data.len() / SECTOR_BYTES + 1);
                data.truncate(sectors * SECTOR_BYTES);
                !data.is_empty()
            }
            _ => true,
        }
    }
}
