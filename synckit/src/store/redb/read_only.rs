//! A file that is only read, also while another process has it open.

use std::fmt;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use redb::{Builder, ConcurrencyMode, ReadOnlyDatabase, ReadableDatabase};

use super::fault::{Fault, guarded};
use super::file::StoreFile;
use super::medium::{READABLE_BESIDE, is_path_open_here};
use super::reopening::{Backend, check_magic, read_identity};
use super::{blocking, table};
use crate::platform;
use crate::store::encoding::IdentityRow;
use crate::store::rows::{Read, Row, Rows, WriteSet};
use crate::store::{EventStore, StoreError, StoreErrorKind};

/// Pause between two looks at a file that another process writes.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Memory for pages of the file, in bytes.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

impl EventStore {
    /// Opens the store in a redb file to read it, while another process may have it open: a hub lets
    /// others read beside ([`RedbOptions::readable_beside`](super::RedbOptions::readable_beside)). What that process commits meanwhile is
    /// seen here.
    ///
    /// Nothing is written, and no word of this opening is left: a copy that is only read stays what it
    /// is. One thing is: a file that was not closed cleanly, and that nobody has open, is recovered,
    /// as it is by any opening.
    ///
    /// While it is open, only a program that lets others read beside can open the file too. Writing
    /// fails with [`StoreErrorKind::ReadOnly`].
    ///
    /// # Errors
    /// - [`StoreErrorKind::Io`] when the file is not there or may not be read, with the cause;
    /// - [`StoreErrorKind::Locked`] when another process has it open and lets nobody read beside;
    /// - [`StoreErrorKind::OpenHere`] when this process has;
    /// - [`StoreErrorKind::NotAStore`], [`StoreErrorKind::NewerFormat`] and
    ///   [`StoreErrorKind::Corrupt`] as [`EventStore::open`].
    pub async fn open_read_only(path: impl AsRef<Path> + Send) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let attempted = format!("read the store {}", path.display());
        let opening = platform::spawn_blocking(move || (open(&path), is_path_open_here(&path)));
        let (opened, is_open_here) = match opening.await {
            Ok(opened) => opened,
            Err(ended) => {
                return Err(StoreError::new(attempted, StoreErrorKind::Io).caused_by(ended));
            }
        };
        match opened {
            Ok((rows, found)) => Ok(Self::founded(Arc::new(rows), found)),
            Err(fault) => {
                let error = fault.into_store_error(attempted.clone());
                if *error.kind() == StoreErrorKind::Locked && is_open_here {
                    return Err(StoreError::new(attempted, StoreErrorKind::OpenHere));
                }
                Err(error)
            }
        }
    }
}

fn open(path: &Path) -> Result<(ReadOnlyRows, IdentityRow), Fault> {
    let handle = match open_handle(path) {
        // Whoever wrote it last did not close it, and nobody has it open for writing.
        Err(Fault::Redb(redb::Error::RepairAborted)) => {
            recover(path)?;
            open_handle(path)?
        }
        handle => handle?,
    };
    let found = guarded(|| read_identity(&handle.begin_read()?))?;
    let path = path.to_owned();
    Ok((ReadOnlyRows(Arc::new(ReadFile { path, handle: RwLock::new(Some(handle)) })), found))
}

fn open_handle(path: &Path) -> Result<ReadOnlyDatabase, Fault> {
    let backend = Backend::of(path, OpenOptions::new().read(true))?;
    check_magic(&backend)?;
    guarded(|| Ok(builder().open_read_only_with_backend(backend)?))
}

/// Opens and closes a file, which recovers it.
fn recover(path: &Path) -> Result<(), Fault> {
    let backend = Backend::of(path, OpenOptions::new().read(true).write(true))?;
    guarded(|| Ok(builder().create_with_backend(backend)?.close()?))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    if READABLE_BESIDE {
        builder.set_concurrency_mode(ConcurrencyMode::SingleWriter);
    }
    builder
}

impl Backend {
    fn of(path: &Path, options: &OpenOptions) -> Result<Self, Fault> {
        let opened = options.open(path).and_then(|file| StoreFile::new(file, path));
        let file = opened.map_err(|error| Fault::System("open the file", error))?;
        Ok(Self::uncounted(Box::new(file)))
    }
}

/// Rows of a file that another process may write.
struct ReadOnlyRows(Arc<ReadFile>);

struct ReadFile {
    path: PathBuf,
    /// `None` once it is closed.
    handle: RwLock<Option<ReadOnlyDatabase>>,
}

impl ReadFile {
    fn read(&self, reads: &[Read]) -> Result<Vec<Vec<Row>>, Fault> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        let handle = handle.as_ref().ok_or(Fault::Closed)?;
        guarded(|| table::read(&handle.begin_read()?, reads))
    }

    fn close(&self) -> Result<(), Fault> {
        let handle = self.handle.write().unwrap_or_else(PoisonError::into_inner).take();
        guarded(|| handle.map_or(Ok(()), |handle| Ok(handle.close()?)))
    }
}

#[async_trait]
impl Rows for ReadOnlyRows {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        let file = Arc::clone(&self.0);
        blocking("read rows", move || file.read(&reads)).await
    }

    async fn write(&self, _: WriteSet) -> Result<(), StoreError> {
        Err(StoreError::new("write rows", StoreErrorKind::ReadOnly))
    }

    async fn close(&self) -> Result<(), StoreError> {
        let file = Arc::clone(&self.0);
        blocking("close the file", move || file.close()).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    /// The system tells nobody that a file was written.
    async fn changed(&self) {
        platform::sleep(LOOK_EVERY).await;
    }
}

impl fmt::Debug for ReadOnlyRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadOnlyRows").field(&self.0.path).finish()
    }
}
