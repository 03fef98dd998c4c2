//! Disks of a simulated world: slow, full, broken, without power, and put back to what they were.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::super::Dice;
use crate::platform;
use crate::store::{MemoryRows, Read, Row, Rows, StoreError, StoreErrorKind, WriteSet};

/// A disk. Clones are the same one.
#[derive(Clone)]
pub(super) struct WorldDisk(Arc<Mutex<Platter>>);

struct Platter {
    rows: Arc<MemoryRows>,
    /// Handles of before a crash are dead.
    boots: u64,
    /// A write is under way.
    writing: bool,
    full: bool,
    fails_next: bool,
    /// Longest time of a write, in milliseconds.
    write_max: u64,
    dice: Dice,
}

impl WorldDisk {
    pub(super) fn new(dice: Dice, write_max: u64) -> Self {
        let rows = Arc::new(MemoryRows::new());
        let disk = Platter {
            rows,
            boots: 0,
            writing: false,
            full: false,
            fails_next: false,
            write_max,
            dice,
        };
        Self(Arc::new(Mutex::new(disk)))
    }

    /// Rows for a store that is opened now.
    pub(super) fn open(&self) -> OpenDisk {
        OpenDisk { disk: self.clone(), boot: self.lock().boots }
    }

    /// Loses writes that are under way, and every handle.
    pub(super) fn lose_power(&self) {
        let mut disk = self.lock();
        disk.boots += 1;
        disk.writing = false;
    }

    /// True while a write is under way: it may be there and not be told yet.
    pub(super) fn is_writing(&self) -> bool {
        self.lock().writing
    }

    pub(super) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    pub(super) fn fail_next(&self) {
        self.lock().fails_next = true;
    }

    pub(super) fn repair(&self) {
        let mut disk = self.lock();
        (disk.full, disk.fails_next) = (false, false);
    }

    /// A copy of everything on it.
    pub(super) fn copy(&self) -> MemoryRows {
        self.lock().rows.duplicate()
    }

    /// Puts a copy in the place of everything on it.
    pub(super) fn put_back(&self, copy: &MemoryRows) {
        self.lock().rows = Arc::new(copy.duplicate());
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows on a disk, until the power fails.
pub(super) struct OpenDisk {
    disk: WorldDisk,
    boot: u64,
}

impl OpenDisk {
    fn powered(&self) -> Result<MutexGuard<'_, Platter>, StoreError> {
        let disk = self.disk.lock();
        if disk.boots == self.boot {
            return Ok(disk);
        }
        Err(StoreError::new("use a disk", StoreErrorKind::Io).caused_by("there is no power"))
    }

    async fn write_slowly(&self, write: WriteSet) -> Result<(), StoreError> {
        let (before, after) = {
            let mut disk = self.powered()?;
            let most = disk.write_max;
            (disk.dice.between(0, most), disk.dice.between(0, most))
        };
        platform::sleep(Duration::from_millis(before)).await;
        let rows = {
            let mut disk = self.powered()?;
            if disk.full {
                return Err(StoreError::new("write rows", StoreErrorKind::DiskFull));
            }
            if std::mem::take(&mut disk.fails_next) {
                return Err(StoreError::new("write rows", StoreErrorKind::Io));
            }
            Arc::clone(&disk.rows)
        };
        rows.write(write).await?;
        // Durable; a crash from here on keeps that from being told.
        platform::sleep(Duration::from_millis(after)).await;
        Ok(())
    }
}

impl fmt::Debug for OpenDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDisk").field("boot", &self.boot).finish_non_exhaustive()
    }
}

#[async_trait]
impl Rows for OpenDisk {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        let rows = Arc::clone(&self.powered()?.rows);
        rows.read(reads).await
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        self.powered()?.writing = true;
        let written = self.write_slowly(write).await;
        self.powered()?.writing = false;
        written
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
