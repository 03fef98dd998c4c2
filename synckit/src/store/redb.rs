//! The embedded store: rows in one redb file.
//!
//! The file's tables and bytes are described in `docs/storage.md`. In here:
//! - `medium`: where the file is, and how it comes to be there in one piece;
//! - `reopening`: the open file, opened again by itself after the system refused an operation;
//! - `read_only`: a file that is only read, also while another process has it open;
//! - `file`: the open file, and which files this process has open;
//! - `table`: reading and writing rows in a transaction;
//! - `continuity`: telling the file from a copy of it;
//! - `salvage`: a fresh file out of a damaged one;
//! - `fault`: what can go wrong.
//!
//! Reads run on tokio's threads for blocking work: one that finds its pages in memory takes
//! microseconds, but one that does not waits for the disk.

mod continuity;
mod read_only;
mod reopening;
mod fault;
mod file;
mod medium;
mod salvage;
mod table;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use self::fault::Fault;
use self::medium::FileMedium;
use self::reopening::ReopeningDb;
use super::rows::{Read, Row, Rows, WriteSet};
use super::{EventStore, StoreError, StoreErrorKind};
use crate::key::ReplicaKey;
use crate::metrics::StoreUsage;
use crate::platform;

#[cfg_attr(not(feature = "testing"), allow(unused_imports, reason = "a seam for tests"))]
pub use self::continuity::{FileMarks, OpeningId};
#[cfg_attr(not(feature = "testing"), allow(unused_imports, reason = "a seam for tests"))]
pub use self::medium::Medium;

/// Options of an [`EventStore`]'s redb file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RedbOptions {
    /// Commit in two phases. Twice the waiting for the disk; in return somebody who chooses what
    /// is stored and when the power fails cannot make half a transaction pass for a whole one.
    /// For hubs, which store what strangers send.
    pub two_phase: bool,
    /// Verify the whole file at every opening, not only after it was not closed cleanly. Takes
    /// about a second for each gigabyte. Without it damage is found when what is damaged is
    /// read, and states of aggregates (of which a hub keeps none) can be missed where the
    /// file's structure is damaged.
    pub verify_on_open: bool,
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
    /// Let other processes read the file while it is open: see [`EventStore::open_read_only`].
    /// Commits then have two phases, and a read takes some microseconds more. On Linux, on Apple's
    /// systems and on Windows; elsewhere nobody reads beside.
    pub readable_beside: bool,
}

impl RedbOptions {
    /// Options for a hub: two phases, no verification while nobody is served, a larger cache, and
    /// others may read beside.
    pub const fn hub() -> Self {
        let cache_bytes = 256 * 1024 * 1024;
        Self { two_phase: true, verify_on_open: false, cache_bytes, readable_beside: true }
    }
}

/// Options for a replica.
impl Default for RedbOptions {
    fn default() -> Self {
        let cache_bytes = 64 * 1024 * 1024;
        Self { two_phase: false, verify_on_open: true, cache_bytes, readable_beside: false }
    }
}

impl EventStore {
    /// Opens the store in the redb file at `path`, making it when there is none.
    ///
    /// The file belongs to one process at a time and must be on a local disk. It holds the
    /// replica's secret key, and on Unix is readable by its owner only. Within the process the
    /// open store is shared: see [`EventStore::share`].
    ///
    /// A file that cannot be shown to be the one that was opened here last (it was copied, restored
    /// from a copy, or shipped with an app) writes under a key of its own from then on: see
    /// [operations](crate::docs::operations). A small file beside it, `.NAME.opening`, helps to tell.
    ///
    /// A crash while it is made leaves no store or a whole one. When the system refuses an
    /// operation (no space left, an unreadable sector), the call that met it fails with a typed
    /// error; the file is opened again by itself when the next call arrives, and nothing
    /// acknowledged is lost.
    ///
    /// Blocks while the file is read: in asynchronous code call it before the first request is
    /// served, or in `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// - [`StoreErrorKind::Io`] when the folder is missing or may not be written, with the cause;
    /// - [`StoreErrorKind::Locked`] when another process has it open;
    /// - [`StoreErrorKind::OpenHere`] when this process has;
    /// - [`StoreErrorKind::NotAStore`] when the file is something else;
    /// - [`StoreErrorKind::NewerFormat`] when a later version wrote it;
    /// - [`StoreErrorKind::Corrupt`] when it is damaged.
    pub fn open(path: impl AsRef<Path>, options: RedbOptions) -> Result<Self, StoreError> {
        Self::open_in(Arc::new(FileMedium::new(path.as_ref())), options)
    }

    /// Opens the store in a file as on a system that tells nothing of files: a copy is not told from
    /// the file that it was made of.
    ///
    /// # Errors
    /// As [`EventStore::open`].
    #[cfg(feature = "testing")]
    pub fn open_unnoticed(
        path: impl AsRef<Path>,
        options: RedbOptions,
    ) -> Result<Self, StoreError> {
        let medium = FileMedium::new(path.as_ref()).that_notices_no_copies();
        Self::open_in(Arc::new(medium), options)
    }

    /// Opens a store on something else than a file, to try what faults do to it.
    ///
    /// # Errors
    /// As [`EventStore::open`].
    #[cfg(feature = "testing")]
    pub fn open_on(medium: Arc<dyn Medium>, options: RedbOptions) -> Result<Self, StoreError> {
        Self::open_in(medium, options)
    }

    /// Opens a redb file without keeping the runtime's threads waiting.
    pub(crate) async fn open_blocking(
        path: std::path::PathBuf,
        options: RedbOptions,
    ) -> Result<Self, StoreError> {
        let attempted = format!("open the store {}", path.display());
        match platform::spawn_blocking(move || Self::open(path, options)).await {
            Ok(store) => store,
            Err(ended) => Err(StoreError::new(attempted, StoreErrorKind::Io).caused_by(ended)),
        }
    }

    fn open_in(medium: Arc<dyn Medium>, options: RedbOptions) -> Result<Self, StoreError> {
        let attempted = format!("open the store {}", medium.name());
        let is_open_here = Arc::clone(&medium);
        match ReopeningDb::open(medium, options) {
            Ok((file, found)) => Ok(Self::founded(Arc::new(RedbRows(Arc::new(file))), found)),
            Err(fault) => {
                let error = fault.into_store_error(attempted.clone());
                if *error.kind() == StoreErrorKind::Locked && is_open_here.is_open_here() {
                    // Its cause would say that another process has it.
                    return Err(StoreError::new(attempted, StoreErrorKind::OpenHere));
                }
                Err(error)
            }
        }
    }
}

/// Makes a store at a path where it does not stay, with a key if one is given.
fn make_with_key(
    path: &Path,
    key: Option<ReplicaKey>,
    options: RedbOptions,
) -> Result<EventStore, StoreError> {
    // It leaves no word for the next opening, which finds it in its place.
    let medium = FileMedium::new(path).that_notices_no_copies().with_key(key);
    EventStore::open_in(Arc::new(medium), options)
}

/// Rows in a redb file.
struct RedbRows(Arc<ReopeningDb>);

impl RedbRows {
    async fn run<T: Send + 'static>(
        &self,
        attempted: &'static str,
        operation: impl FnOnce(&ReopeningDb) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = Arc::clone(&self.0);
        blocking(attempted, move || operation(&file)).await
    }
}

/// Runs an operation on a file where it keeps nobody waiting.
async fn blocking<T: Send + 'static>(
    attempted: &'static str,
    operation: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, StoreError> {
    match platform::spawn_blocking(operation).await {
        Ok(result) => result.map_err(|fault| fault.into_store_error(attempted)),
        // The runtime is shutting down.
        Err(ended) => Err(StoreError::new(attempted, StoreErrorKind::Closed).caused_by(ended)),
    }
}

#[async_trait]
impl Rows for RedbRows {
    async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.run("read rows", move |file| file.read(&reads)).await
    }

    async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
        self.run("write rows", move |file| file.write(&write)).await
    }

    fn usage(&self) -> StoreUsage {
        self.0.usage()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.run("close the file", ReopeningDb::close).await
    }
}

/// Releases the file, also where reads that nobody waits for any more hold it.
impl Drop for RedbRows {
    fn drop(&mut self) {
        if let Err(fault) = self.0.close() {
            tracing::warn!(%fault, "the store was not closed cleanly; nothing committed is lost");
        }
    }
}

impl std::fmt::Debug for RedbRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedbRows").field(&self.0.name()).finish()
    }
}
