//! Medium of a store's file: a path in a folder, or what a test puts in its place.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

use super::continuity::{FileMarks, OpeningId};
use super::file::{FileKey, Opened, StoreFile, is_open_here, place_of};

use crate::id::hex;
use crate::key::ReplicaKey;
use crate::platform;
use crate::store::identity::ENTROPY_LEN;

/// The beginning of an opening's word.
const WORD: &str = "synckit store, last opened as ";

/// True where the system locks parts of files, so that a file can be read while it is written.
pub(super) const READABLE_BESIDE: bool =
    cfg!(any(target_os = "linux", target_vendor = "apple", windows));

/// Medium of a store's file.
///
/// A store is made under a temporary name and published under its own when it is whole, so a crash
/// at any moment leaves either no store or a whole one.
#[cfg_attr(not(feature = "testing"), allow(unreachable_pub, reason = "a seam for tests"))]
pub trait Medium: fmt::Debug + Send + Sync + 'static {
    /// Its name in messages.
    fn name(&self) -> String;

    /// Opens the file; `None` when it is not there. Called again whenever the handle has failed.
    ///
    /// # Errors
    /// When the system refuses.
    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>>;

    /// Makes an empty file under a temporary name.
    ///
    /// # Errors
    /// When the system refuses.
    fn create(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Gives the file made last its own name, durably. Must not replace a file that has the name.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, or when the system refuses.
    fn publish(&self) -> io::Result<()>;

    /// Checks that the open file is still where it was opened, and still whole. Asked after every
    /// commit, before it is acknowledged.
    ///
    /// # Errors
    /// When it was deleted, replaced or cut.
    fn verify(&self) -> io::Result<()> {
        Ok(())
    }

    /// True when this process has the file open.
    fn is_open_here(&self) -> bool {
        false
    }

    /// True when other processes can read the file while it is open here, because the system locks
    /// parts of it.
    fn is_readable_beside(&self) -> bool {
        false
    }

    /// The marks of the file by which a copy is told from it; `None` if the system keeps none.
    fn place(&self) -> Option<FileMarks> {
        None
    }

    /// The opening that left word beside the file last.
    fn beside(&self) -> Option<OpeningId> {
        None
    }

    /// Leaves word of an opening beside the file, in the place of the one before.
    ///
    /// # Errors
    /// When the system refuses.
    fn leave_beside(&self, _: &OpeningId) -> io::Result<()> {
        Ok(())
    }

    /// True when whoever opened the file last ended without closing it.
    fn was_left_in_use(&self) -> bool {
        false
    }

    /// Notes whether the file is in use. What cannot be noted is not.
    fn set_in_use(&self, _: bool) {}

    /// Random bytes.
    ///
    /// # Errors
    /// When the system has none.
    fn entropy(&self) -> io::Result<[u8; ENTROPY_LEN]> {
        random()
    }
}

/// A file in a folder.
#[derive(Debug)]
pub(super) struct FileMedium {
    path: PathBuf,
    temporary: PathBuf,
    /// The beginning of the names of the path's temporary files.
    temporary_prefix: String,
    /// The file that holds word of the last opening.
    beside: PathBuf,
    /// The empty file that is there while the file is in use.
    in_use: PathBuf,
    /// True when the system is asked for marks.
    notices_copies: bool,
    /// The file that was opened last.
    opened: Mutex<Option<Arc<Opened>>>,
    /// The key of the store, if it is made with a given one.
    key: Option<ReplicaKey>,
}

impl FileMedium {
    pub(super) fn new(path: &Path) -> Self {
        // Distinguishes stores that this process makes at the same time; the process id does the
        // rest.
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary_prefix = format!(".{name}.new-");
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let unique = hex(&[std::process::id().to_be_bytes(), low_half(count)].concat());
        let temporary = folder(path).join(format!("{temporary_prefix}{unique}"));
        let beside = folder(path).join(format!(".{name}.opening"));
        let in_use = folder(path).join(format!(".{name}.in-use"));
        let (path, opened, key) = (path.to_owned(), Mutex::default(), None);
        let notices_copies = true;
        Self { path, temporary, temporary_prefix, beside, in_use, notices_copies, opened, key }
    }

    /// The same, as on a system that tells nothing of files.
    pub(super) fn that_notices_no_copies(self) -> Self {
        Self { notices_copies: false, ..self }
    }

    /// The same, for a store that has a key already when it is made.
    pub(super) fn with_key(self, key: Option<ReplicaKey>) -> Self {
        Self { key, ..self }
    }

    fn watch(&self, file: File) -> io::Result<Box<dyn StorageBackend>> {
        let file = StoreFile::new(file, &self.path)?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        *opened = Some(file.opened());
        Ok(Box::new(file))
    }

    /// Removes what other processes left when they crashed while they made the store. Only when
    /// there is a store: one that is still being made can then no longer be published anyway.
    fn remove_left_over(&self) {
        // Nothing depends on it: what cannot be removed stays.
        for entry in fs::read_dir(folder(&self.path)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with(&self.temporary_prefix) {
                continue;
            }
            let _ = fs::remove_file(entry.path());
        }
    }
}

impl Medium for FileMedium {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => {
                self.remove_left_over();
                self.watch(file).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self) -> io::Result<Box<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        // The file holds the replica's secret key.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        self.watch(options.open(&self.temporary)?)
    }

    fn publish(&self) -> io::Result<()> {
        let synced = File::open(&self.temporary).and_then(|file| file.sync_all());
        match synced.and_then(|()| fs::hard_link(&self.temporary, &self.path)) {
            Ok(()) => {}
            Err(_) if self.path.exists() => {
                let _ = fs::remove_file(&self.temporary);
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            // Not every file system has links. Without them two processes that make the same store
            // at the same moment may each replace the other's, still empty, store.
            Err(_) => fs::rename(&self.temporary, &self.path)?,
        }
        sync_folder(folder(&self.path))?;
        self.remove_left_over();
        Ok(())
    }

    fn verify(&self) -> io::Result<()> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(opened) = opened.as_ref() else {
            return Ok(());
        };
        let found = fs::metadata(&self.path)?;
        if FileKey::of(&found, &self.path) != *opened.key() {
            return Err(io::Error::other("another file has taken its place"));
        }
        if found.len() < opened.length() {
            return Err(io::Error::other("it is shorter than it was"));
        }
        Ok(())
    }

    fn place(&self) -> Option<FileMarks> {
        let found = fs::metadata(&self.path).ok().filter(|_| self.notices_copies)?;
        Some(place_of(&found, &self.path))
    }

    fn beside(&self) -> Option<OpeningId> {
        let word = fs::read_to_string(&self.beside).ok()?;
        let number = u128::from_str_radix(word.trim_end().strip_prefix(WORD)?, 16).ok()?;
        Some(number.to_be_bytes())
    }

    fn leave_beside(&self, opening: &OpeningId) -> io::Result<()> {
        let word = format!("{WORD}{}\n", hex(opening));
        // Only who has the file open writes it; what a crash leaves is written over.
        let new = self.beside.with_extension("opening-new");
        let written = File::create(&new)
            .and_then(|mut file| file.write_all(word.as_bytes()).and_then(|()| file.sync_all()))
            // Should the new name be lost, the word of the opening before stands there: it is known.
            .and_then(|()| fs::rename(&new, &self.beside));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }

    fn was_left_in_use(&self) -> bool {
        self.in_use.exists()
    }

    fn set_in_use(&self, in_use: bool) {
        // It tells of processes that ended, which the folder outlives: it need not be durable.
        let _ = if in_use {
            File::create(&self.in_use).map(drop)
        } else {
            fs::remove_file(&self.in_use)
        };
    }

    fn is_open_here(&self) -> bool {
        is_path_open_here(&self.path)
    }

    fn is_readable_beside(&self) -> bool {
        READABLE_BESIDE
    }

    fn entropy(&self) -> io::Result<[u8; ENTROPY_LEN]> {
        let mut bytes = random()?;
        if let (Some(key), Some(seed)) = (&self.key, bytes.last_chunk_mut()) {
            *seed = key.seed();
        }
        Ok(bytes)
    }
}

/// True when this process has the file at a path open.
pub(super) fn is_path_open_here(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| is_open_here(&FileKey::of(&found, path)))
}

/// Makes the names in the folder of a path durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    sync_folder(folder(path))
}

fn random() -> io::Result<[u8; ENTROPY_LEN]> {
    platform::random().map_err(io::Error::other)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file; the system writes names through by itself.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn low_half(count: u64) -> [u8; 4] {
    let [.., a, b, c, d] = count.to_be_bytes();
    [a, b, c, d]
}
