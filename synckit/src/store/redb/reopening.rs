//! The open file, and opening it again by ourselves.
//!
//! redb refuses every further write once the system has refused one operation (a full disk, an
//! unreadable sector); the file itself stays sound. The handle is dropped then, and the
//! file opened again when the next read or write arrives. What was acknowledged before is in the file.

use std::ops::{Bound, Deref};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{
    BackendError, Builder, ConcurrencyMode, Database, ReadTransaction, ReadableDatabase,
    StorageBackend,
};

use super::RedbOptions;
use super::continuity::{FileMarks, OPENING, Opening};
use super::fault::{Fault, guarded};
use super::medium::Medium;
use super::table;
use crate::metrics::StoreUsage;
use crate::store::encoding::{FILE_ID_LEN, IdentityRow, only};
use crate::store::identity;
use crate::store::rows::{Change, Read, Row, Table, WriteSet};
use crate::store::seal::sealed;

/// The first bytes of every redb file.
const REDB_MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1a, 0x0a, 0xa9, 0x0d, 0x0a];

/// The file of one store.
#[derive(Debug)]
pub(super) struct ReopeningDb {
    medium: Arc<dyn Medium>,
    options: FileOptions,
    file: [u8; FILE_ID_LEN],
    /// Transactions hold it shared; opening again and closing hold it alone.
    slot: RwLock<OpenFile>,
    /// The file was deleted, replaced or cut: what is read from it is not to be built on.
    gone: AtomicBool,
}

#[derive(Debug)]
struct OpenFile {
    handle: Option<Database>,
    /// Counts the handles there have been, so that a failed one is replaced once.
    generation: u64,
    closed: bool,
}

impl ReopeningDb {
    /// Opens the store, making it when it is not there.
    pub(super) fn open(
        medium: Arc<dyn Medium>,
        options: RedbOptions,
    ) -> Result<(Self, IdentityRow), Fault> {
        let options = FileOptions { options, used: Arc::default() };
        // Damage may have ended whoever opened it last, and would end this process too.
        let verified = options.verify_on_open || medium.was_left_in_use();
        let opened = match open_existing(&*medium, &options, verified)? {
            Some(opened) => opened,
            None => match create(&*medium, &options)? {
                Some(created) => created,
                // Another process made it in the meantime: theirs it is.
                None => open_existing(&*medium, &options, verified)?.ok_or_else(vanished)?,
            },
        };
        let (handle, identity) = go_on(&*medium, &options, opened)?;
        let slot = OpenFile { handle: Some(handle), generation: 0, closed: false };
        let (slot, gone) = (RwLock::new(slot), AtomicBool::new(false));
        Ok((Self { medium, options, file: identity.file, slot, gone }, identity))
    }

    /// Answers reads from one state of the file.
    pub(super) fn read(&self, reads: &[Read]) -> Result<Vec<Vec<Row>>, Fault> {
        self.with_handle(|database| table::read(&database.begin_read()?, reads))
    }

    /// Writes a transaction; may begin a second time, after the file was opened again.
    pub(super) fn write(&self, write: &WriteSet) -> Result<(), Fault> {
        self.verify()?;
        self.with_handle(|database| {
            let mut txn = database.begin_write()?;
            txn.set_two_phase_commit(self.options.two_phase);
            table::write(&txn, write)?;
            Ok(txn.commit()?)
        })?;
        // Nothing is acknowledged that stands in a file which nobody finds again.
        self.verify()
    }

    /// Gives the handle up for good when the file is not where it was opened, or not whole.
    fn verify(&self) -> Result<(), Fault> {
        let verified = self.medium.verify();
        if verified.is_err() {
            self.gone.store(true, Ordering::Release);
        }
        verified.map_err(Fault::Gone)
    }

    /// The use of the file since it was opened, and of its cache since it was opened last.
    pub(super) fn usage(&self) -> StoreUsage {
        let FileUse { syncs, bytes } = &*self.options.used;
        let (syncs, bytes) = (syncs.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
        let usage = StoreUsage { syncs, bytes, ..StoreUsage::default() };
        // Whoever is opening it again begins with an empty cache.
        let Ok(slot) = self.slot.try_read() else { return usage };
        let Some(cache) = slot.handle.as_ref().map(ReadableDatabase::cache_stats) else {
            return usage;
        };
        StoreUsage {
            cache_hits: cache.read_hits() + cache.write_hits(),
            cache_misses: cache.read_misses() + cache.write_misses(),
            cache_evictions: cache.evictions(),
            cache_bytes: u64::try_from(cache.used_bytes()).unwrap_or(u64::MAX),
            ..usage
        }
    }

    /// The file's name in messages.
    pub(super) fn name(&self) -> String {
        self.medium.name()
    }

    /// Releases the file. Waits for reads under way.
    pub(super) fn close(&self) -> Result<(), Fault> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        slot.closed = true;
        if let Some(handle) = slot.handle.take() {
            guarded(|| Ok(handle.close()?))?;
            self.medium.set_in_use(false);
        }
        Ok(())
    }

    fn with_handle<T>(
        &self,
        mut operation: impl FnMut(&Database) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match self.attempt(&mut operation) {
            Err((fault, generation)) if fault.handle_is_dead() => {
                self.open_again(generation)?;
                self.attempt(&mut operation).map_err(|(fault, _)| fault)
            }
            result => result.map_err(|(fault, _)| fault),
        }
    }

    fn attempt<T>(
        &self,
        operation: &mut impl FnMut(&Database) -> Result<T, Fault>,
    ) -> Result<T, (Fault, u64)> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        let generation = slot.generation;
        let result = match &slot.handle {
            _ if slot.closed => Err(Fault::Closed),
            _ if self.gone.load(Ordering::Acquire) => {
                Err(Fault::Gone(std::io::ErrorKind::NotFound.into()))
            }
            None => Err(Fault::NoHandle),
            Some(handle) => guarded(|| operation(handle)),
        };
        drop(slot);
        if let Err(Fault::Panicked(_)) = result {
            self.drop_handle(generation);
        }
        result.map_err(|fault| (fault, generation))
    }

    /// Gives up a handle that was in use during a panic: its inner state is not to be trusted.
    fn drop_handle(&self, generation: u64) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if slot.generation == generation {
            discard(slot.handle.take());
        }
    }

    fn open_again(&self, failed: u64) -> Result<(), Fault> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if slot.closed {
            return Err(Fault::Closed);
        }
        if slot.generation != failed {
            return Ok(());
        }
        // Without a handle, the last one was given up over damage, or none could be opened.
        let verified = self.options.verify_on_open || slot.handle.is_none();
        // The handle holds the file's lock: it has to go first.
        discard(slot.handle.take());
        tracing::warn!(store = self.medium.name(), "opening the file again after a failure");
        let (handle, identity) =
            open_existing(&*self.medium, &self.options, verified)?.ok_or_else(vanished)?;
        if identity.file != self.file {
            return Err(Fault::NotAStore("another store has taken the file's place"));
        }
        slot.handle = Some(handle);
        slot.generation += 1;
        Ok(())
    }
}

/// Drops a handle that has failed; whatever that may report has been reported.
fn discard(handle: Option<Database>) {
    let _ = guarded(|| {
        drop(handle);
        Ok(())
    });
}

fn vanished() -> Fault {
    Fault::System("open the file", std::io::ErrorKind::NotFound.into())
}

/// Leaves word for the next opening, and draws another key for a file that is not shown to be the one
/// that was opened last. Refuses nothing: what cannot be written stays as it was.
fn go_on(
    medium: &dyn Medium,
    options: &FileOptions,
    (handle, found): (Database, IdentityRow),
) -> Result<(Database, IdentityRow), Fault> {
    let Some(place) = medium.place() else { return Ok((handle, found)) };
    match guarded(|| record(medium, options, &handle, &found, place)) {
        Ok(identity) => Ok((handle, identity)),
        Err(fault) => {
            tracing::warn!(store = medium.name(), %fault, "no word is left for the next opening");
            if let Fault::Panicked(_) = fault {
                discard(Some(handle));
                return open_existing(medium, options, true)?.ok_or_else(vanished);
            }
            // It still serves reads. The first write opens the file again, and finds which key is
            // stored.
            Ok((handle, found))
        }
    }
}

fn record(
    medium: &dyn Medium,
    options: &FileOptions,
    handle: &Database,
    found: &IdentityRow,
    place: FileMarks,
) -> Result<IdentityRow, Fault> {
    let beside = medium.beside();
    let last = table::read(&handle.begin_read()?, &[Read::get(Table::Meta, OPENING)])?;
    let last = only(Table::Meta, last.first().map_or(&[], Vec::as_slice))
        .and_then(|last| last.map(|last| Opening::read(&last)).transpose());
    let reason = match last {
        Ok(last) => last.and_then(|last| last.is_not(&place, beside.as_ref())),
        Err(_) => Some("the word of its last opening is damaged"),
    };
    let random = medium.entropy().map_err(Fault::Randomness)?;
    let drawn = identity::from_entropy(&random);
    let (mut write, mut identity) = (WriteSet::default(), found.clone());
    if let Some(reason) = reason {
        identity = found.with_key(drawn.seed);
        let (guard, change) = identity::change(found, &identity);
        write.guards.push(guard);
        write.changes.push(change);
        tracing::warn!(store = medium.name(), reason, "taken for a copy: it has another key");
    }
    let opening = Opening { id: drawn.file, beside, place };
    let value = sealed(Table::Meta, OPENING, &[&opening.write()]);
    write.changes.push(Change::Put { table: Table::Meta, key: OPENING.to_vec(), value });
    let mut txn = handle.begin_write()?;
    txn.set_two_phase_commit(options.two_phase);
    table::write(&txn, &write)?;
    txn.commit()?;
    if let Err(error) = medium.leave_beside(&opening.id) {
        tracing::info!(store = medium.name(), %error, "no word of the opening is left beside it");
    }
    Ok(identity)
}

/// Opens the file, `verified` by redb if asked for.
fn open_existing(
    medium: &dyn Medium,
    options: &FileOptions,
    verified: bool,
) -> Result<Option<(Database, IdentityRow)>, Fault> {
    let opened = medium.open().map_err(|error| Fault::System("open the file", error))?;
    let Some(backend) = opened else {
        return Ok(None);
    };
    let backend = Backend::new(backend, Arc::clone(&options.used));
    check_magic(&backend)?;
    guarded(|| {
        let mut builder = builder(medium, options);
        builder.set_check_integrity_on_open(verified);
        let database = builder.create_with_backend(backend)?;
        if !options.verify_on_open {
            medium.set_in_use(true);
        }
        let identity = read_identity(&database.begin_read()?)?;
        table::add_younger(&database)?;
        Ok(Some((database, identity)))
    })
}

/// The identity of the store in a file that may be damaged, if its structure leads to one. What `file`
/// gives may be written to.
pub(super) fn identity_in(file: impl Fn() -> Box<dyn StorageBackend>) -> Option<IdentityRow> {
    let backend = || Backend::uncounted(file());
    // Closing it for writing would commit, and what is damaged can end the process there.
    let found = guarded(|| match Builder::new().open_read_only_with_backend(backend()) {
        // It was not closed: one whose trees are sound is, once it is recovered.
        Err(redb::DatabaseError::RepairAborted) => {
            let mut builder = Builder::new();
            let database =
                builder.set_check_integrity_on_open(true).create_with_backend(backend())?;
            read_identity(&database.begin_read()?)
        }
        database => read_identity(&database?.begin_read()?),
    });
    found.ok()
}

/// redb would take an empty file for one to be made, and would say of any other only that it is not
/// valid.
pub(super) fn check_magic(backend: &Backend) -> Result<(), Fault> {
    let system = |error: BackendError| Fault::System("read the file", error.into());
    let mut magic = [0; REDB_MAGIC.len()];
    let length = backend.len().map_err(|error| system(error.into()))?;
    if length >= magic.len() as u64 {
        backend.read(0, &mut magic).map_err(|error| system(error.into()))?;
    }
    if magic == REDB_MAGIC {
        Ok(())
    } else {
        Err(Fault::NotAStore("it does not begin as a redb file does"))
    }
}

pub(super) fn read_identity(txn: &ReadTransaction) -> Result<IdentityRow, Fault> {
    let foreign = Fault::NotAStore("it is a redb file, but not one of synckit's");
    let found = match table::read(txn, &identity::reads()) {
        Err(Fault::Redb(
            redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. },
        )) => return Err(foreign),
        found => found?,
    };
    identity::read(&found).map_err(Fault::Identity)?.ok_or(foreign)
}

/// Makes a store under a temporary name and publishes it; `None` when the name has been taken by
/// then. The file stays open, and so locked, all the time.
fn create(
    medium: &dyn Medium,
    options: &FileOptions,
) -> Result<Option<(Database, IdentityRow)>, Fault> {
    let system = |error| Fault::System("create the file", error);
    let made = identity::from_entropy(&medium.entropy().map_err(Fault::Randomness)?);
    let backend = Backend::new(medium.create().map_err(system)?, Arc::clone(&options.used));
    let database = guarded(|| {
        let database = builder(medium, options).create_with_backend(backend)?;
        let mut txn = database.begin_write()?;
        txn.set_two_phase_commit(true);
        table::create_all(&txn)?;
        table::write(&txn, &identity::founding(&made))?;
        txn.commit()?;
        Ok(database)
    })?;
    match medium.publish() {
        Ok(()) => Ok(Some((database, made))),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(system(error)),
    }
}

/// Options of a file, and how much it is used. Handles that follow one another count together.
#[derive(Debug)]
struct FileOptions {
    options: RedbOptions,
    used: Arc<FileUse>,
}

#[derive(Default, Debug)]
struct FileUse {
    syncs: AtomicU64,
    bytes: AtomicU64,
}

impl Deref for FileOptions {
    type Target = RedbOptions;

    fn deref(&self) -> &RedbOptions {
        &self.options
    }
}

fn builder(medium: &dyn Medium, options: &RedbOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    if options.readable_beside && medium.is_readable_beside() {
        builder.set_concurrency_mode(ConcurrencyMode::SingleWriter);
    }
    builder
}

/// redb takes a back end by value; a medium gives one in a box.
#[derive(Debug)]
pub(super) struct Backend(Box<dyn StorageBackend>, Arc<FileUse>);

impl Backend {
    /// A file whose use nobody counts.
    pub(super) fn uncounted(file: Box<dyn StorageBackend>) -> Self {
        Self::new(file, Arc::default())
    }

    fn new(file: Box<dyn StorageBackend>, used: Arc<FileUse>) -> Self {
        used.bytes.store(file.len().unwrap_or_default(), Ordering::Relaxed);
        Self(file, used)
    }
}

type Edge = Bound<u64>;

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.0.set_len(len)?;
        self.1.bytes.store(len, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.1.syncs.fetch_add(1, Ordering::Relaxed);
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
