//! Files: where a salvaged store is made, and how it takes the damaged one's place.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::redb::medium::{is_path_open_here, sync_folder_of};
use crate::store::{StoreError, StoreErrorKind};

/// Most damaged files that are kept beside a store.
const KEPT_MAX: u32 = 100;

/// A damaged file, which nobody else has open meanwhile.
#[derive(Debug)]
pub(super) struct Damaged {
    path: PathBuf,
    file: File,
}

impl Damaged {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let attempted = || format!("read the damaged file {}", path.display());
        let failed = |error: io::Error| refused(attempted(), error);
        if is_path_open_here(path) {
            return Err(StoreError::new(attempted(), StoreErrorKind::OpenHere));
        }
        let file = File::open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), file }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::new(attempted(), StoreErrorKind::Locked))
            }
            // Not every file system has locks.
            Err(TryLockError::Error(_)) => Ok(Self { path: path.to_owned(), file }),
        }
    }

    pub(super) fn bytes(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that is being made beside its place, and removed again unless it gets there.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    placed: bool,
}

impl Temporary {
    /// A free name beside `place`. What earlier salvages of the same file left is removed: this one
    /// has the damaged file to itself.
    pub(super) fn beside(place: &Path) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.salvage-");
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let entries = fs::read_dir(folder.unwrap_or(Path::new(".")));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A dot more: it was just being made.
            if name.starts_with(&prefix) || name.starts_with(&format!(".{prefix}")) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}{}-{count}", std::process::id());
        Self { path: place.with_file_name(name), placed: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, durably, unless that is taken.
    pub(super) fn publish(mut self, place: &Path) -> Result<(), StoreError> {
        let published = publish(&System, &self.path, place);
        self.placed = !self.path.exists();
        published.map_err(|error| {
            refused(format!("put the salvaged store at {}", place.display()), error)
        })
    }

    /// Puts the file in the place of a damaged one, which is kept under another name beside it. A
    /// crash leaves one of the two in the place.
    pub(super) fn replace(mut self, damaged: &Damaged) -> Result<PathBuf, StoreError> {
        let place = damaged.path();
        let kept = replace(&System, &self.path, place);
        self.placed = !self.path.exists();
        kept.map_err(|error| {
            let place = place.display();
            refused(format!("put the salvaged store in the place of {place}"), error)
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // Nothing depends on it: the next salvage removes it too.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The system's operations on names, each of which may be the last one before the power fails.
trait NamesOnDisk {
    /// Makes a file's bytes durable.
    fn sync(&self, file: &Path) -> io::Result<()>;

    /// Gives a file another name, which must be free.
    fn link(&self, file: &Path, name: &Path) -> io::Result<()>;

    /// Gives a file another name, which another file may have had, instead of its own.
    fn rename(&self, file: &Path, name: &Path) -> io::Result<()>;

    /// Takes a name from a file.
    fn remove(&self, name: &Path) -> io::Result<()>;

    /// Makes the names in the folder of a path durable.
    fn sync_names(&self, beside: &Path) -> io::Result<()>;
}

/// Gives a file that was made under another name its own.
fn publish(names: &impl NamesOnDisk, made: &Path, place: &Path) -> io::Result<()> {
    names.sync(made)?;
    names.link(made, place)?;
    // A second name does no harm: the next salvage takes it away.
    let _ = names.remove(made);
    names.sync_names(place)
}

/// Puts a file in the place of a damaged one, which gets another name: that is durable before the
/// place is taken.
fn replace(names: &impl NamesOnDisk, made: &Path, place: &Path) -> io::Result<PathBuf> {
    names.sync(made)?;
    let kept = set_aside(names, place)?;
    names.sync_names(place)?;
    names.rename(made, place)?;
    names.sync_names(place)?;
    Ok(kept)
}

/// Gives a file a further name that tells that it is damaged.
fn set_aside(names: &impl NamesOnDisk, path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..=KEPT_MAX {
        let kept = path.with_file_name(format!("{name}.damaged-{number}"));
        match names.link(path, &kept) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| kept),
        }
    }
    Err(io::Error::other(format!("{KEPT_MAX} damaged files are kept beside it; move them away")))
}

struct System;

impl NamesOnDisk for System {
    fn sync(&self, file: &Path) -> io::Result<()> {
        File::open(file)?.sync_all()
    }

    /// Without links, the other name gets a copy.
    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        match fs::hard_link(file, name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !name.exists() => {
                // A copy cut short must not pass for a whole one.
                let copied = fs::copy(file, name).and_then(|_| self.sync(name));
                copied.inspect_err(|_| drop(fs::remove_file(name)))
            }
            linked => linked,
        }
    }

    fn rename(&self, file: &Path, name: &Path) -> io::Result<()> {
        fs::rename(file, name)
    }

    fn remove(&self, name: &Path) -> io::Result<()> {
        fs::remove_file(name)
    }

    fn sync_names(&self, beside: &Path) -> io::Result<()> {
        sync_folder_of(beside)
    }
}

fn refused(attempted: String, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::DiskFull,
        _ => StoreErrorKind::Io,
    };
    StoreError::new(attempted, kind).caused_by(error)
}

#[cfg(test)]
mod tests;
