//! The open file: which one it is, how long it is, and that this process has it open.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::continuity::FileMarks;
use crate::platform;

/// The files of stores that this process has open, and how often.
static OPEN_HERE: Mutex<BTreeMap<FileKey, usize>> = Mutex::new(BTreeMap::new());

/// Tells a file from others, whatever its name: on Unix its device and inode, elsewhere its
/// path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct FileKey(u64, u64, PathBuf);

impl FileKey {
    #[cfg(unix)]
    pub(super) fn of(file: &Metadata, _: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(file.dev(), file.ino(), PathBuf::new())
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata, path: &Path) -> Self {
        Self(0, 0, std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
    }
}

/// The marks of a file that the system keeps.
pub(super) fn place_of(file: &Metadata, path: &Path) -> FileMarks {
    let born = file.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let (device, inode) = numbers(file);
    let path = fs::canonicalize(path).ok();
    FileMarks {
        machine: platform::machine(),
        born: born.and_then(|born| u64::try_from(born.as_nanos()).ok()),
        device,
        inode,
        path: path.map(|path| *blake3::hash(path.as_os_str().as_encoded_bytes()).as_bytes()),
    }
}

/// The numbers of a file's device and of the file on it.
#[cfg(unix)]
fn numbers(file: &Metadata) -> (Option<u64>, Option<u64>) {
    use std::os::unix::fs::MetadataExt;
    (Some(file.dev()), Some(file.ino()))
}

#[cfg(not(unix))]
const fn numbers(_: &Metadata) -> (Option<u64>, Option<u64>) {
    (None, None)
}

/// True when this process has a file open.
pub(super) fn is_open_here(key: &FileKey) -> bool {
    OPEN_HERE.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
}

/// An open file's key and length.
#[derive(Debug)]
pub(super) struct Opened {
    key: FileKey,
    length: AtomicU64,
}

impl Opened {
    pub(super) const fn key(&self) -> &FileKey {
        &self.key
    }

    /// The file's length as far as this process knows.
    pub(super) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }
}

/// redb's file, watched.
#[derive(Debug)]
pub(super) struct StoreFile {
    file: FileBackend,
    opened: Arc<Opened>,
}

impl StoreFile {
    pub(super) fn new(file: File, path: &Path) -> io::Result<Self> {
        let found = file.metadata()?;
        let key = FileKey::of(&found, path);
        let file = FileBackend::new(file).map_err(io::Error::other)?;
        let mut open = OPEN_HERE.lock().unwrap_or_else(PoisonError::into_inner);
        *open.entry(key.clone()).or_default() += 1;
        drop(open);
        let opened = Arc::new(Opened { key, length: AtomicU64::new(found.len()) });
        Ok(Self { file, opened })
    }

    pub(super) fn opened(&self) -> Arc<Opened> {
        Arc::clone(&self.opened)
    }
}

impl Drop for StoreFile {
    fn drop(&mut self) {
        let mut open = OPEN_HERE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.opened.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.opened.key);
            }
        }
    }
}

type Edge = Bound<u64>;

impl StorageBackend for StoreFile {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.file.set_len(len)?;
        self.opened.length.store(len, Ordering::Release);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
