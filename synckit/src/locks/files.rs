//! Files of a package's `schemas/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, io, process};

use super::problem::Problem;

/// The text of a file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, Problem> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(unavailable(path, "read", source)),
    }
}

/// The lock files in a folder, in the order of their names.
pub(super) fn locks(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
        let mut locks = paths?;
        locks.retain(|path| path.extension().is_some_and(|extension| extension == "lock"));
        locks.sort();
        Ok(locks)
    };
    list().map_err(|source| unavailable(folder, "list", source))
}

/// The turn to bless a folder, which one process has at a time. What it locks stands outside the
/// package, so that nothing has to be ignored there.
#[derive(Debug)]
pub(super) struct BlessTurn {
    _file: File,
}

impl BlessTurn {
    /// Waits for the turn.
    pub(super) fn take(folder: &Path) -> Result<Self, Problem> {
        let whole = folder.parent().and_then(|root| root.canonicalize().ok());
        let whole = whole.unwrap_or_else(|| folder.to_owned());
        let hash = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
        let path = env::temp_dir().join(format!("synckit-bless-{}.lock", &hash[..16]));
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        locked.map(|_file| Self { _file }).map_err(|source| unavailable(&path, "lock", source))
    }
}

/// Writes all files beside their places, and puts them there once all are written, so that none is
/// ever there in part. When one cannot be put in place, those before it are what they were.
pub(super) fn put(folder: &Path, changes: &[(PathBuf, String)]) -> Result<(), Problem> {
    if !changes.is_empty() {
        fs::create_dir_all(folder).map_err(|source| unavailable(folder, "create", source))?;
    }
    let mut placed = Vec::new();
    let beside: Vec<_> = changes.iter().map(|(path, _)| beside(path)).collect();
    let written = changes.iter().zip(&beside).try_for_each(|((path, text), beside)| {
        write(beside, text, path).map_err(|source| unavailable(path, "write", source))
    });
    let all = written.and_then(|()| {
        changes.iter().zip(&beside).try_for_each(|((path, _), beside)| {
            let before = read(path)?;
            fs::rename(beside, path).map_err(|source| unavailable(path, "replace", source))?;
            placed.push((path, before));
            Ok(())
        })
    });
    if all.is_err() {
        // Best effort: the error that is reported is the one that led here.
        beside.iter().for_each(|beside| drop(fs::remove_file(beside)));
        for (path, before) in placed {
            drop(match before {
                Some(text) => fs::write(path, text),
                None => fs::remove_file(path),
            });
        }
    }
    all
}

/// Writes a file that is to take the place of another, with the permissions of that.
fn write(path: &Path, text: &str, place: &Path) -> io::Result<()> {
    fs::write(path, text)?;
    match fs::metadata(place) {
        Ok(metadata) => fs::set_permissions(path, metadata.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("lock.{}-{number}", process::id()))
}

fn unavailable(path: &Path, attempted: &'static str, source: io::Error) -> Problem {
    Problem::Unavailable { path: path.to_owned(), attempted, source }
}
