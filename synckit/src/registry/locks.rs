//! The lock files of a program's types, checked and blessed by its tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use super::Registry;
use crate::schema::{Published, Refusal, bless};

/// Why lock files are not current.
#[derive(Debug)]
#[non_exhaustive]
pub struct LockError {
    problems: Vec<Problem>,
}

#[derive(Debug)]
enum Problem {
    /// It was not to be written, and is not current.
    Behind { path: PathBuf, lacks: String },
    /// It is of a type that is not registered.
    Orphan { path: PathBuf },
    /// It holds something else.
    Refused { path: PathBuf, why: String },
    /// It cannot be read or written.
    Unavailable { path: PathBuf, attempted: &'static str, source: io::Error },
}

impl Registry {
    /// Checks that `folder` has the lock files of those registered types that belong to `package`,
    /// and that they are current. With `write`, appends to them what they lack first; what they
    /// hold is never rewritten.
    ///
    /// [`schema_test!`](crate::schema_test) makes a test that calls this.
    ///
    /// # Errors
    /// When a lock file is not current or contradicts its type, belongs to no registered type, or
    /// cannot be read or written. All problems are in it; what could be written is written.
    pub fn check_locks(&self, package: &str, folder: &Path, write: bool) -> Result<(), LockError> {
        let mut problems = Vec::new();
        let mut known = BTreeSet::new();
        for published in self.published().iter().filter(|each| each.package() == package) {
            let file = format!("{}.lock", published.name);
            problems.extend(check(published, folder.join(&file), write).err());
            known.insert(file);
        }
        match orphans(folder, &known) {
            Ok(found) => problems.extend(found.into_iter().map(|path| Problem::Orphan { path })),
            Err(source) => {
                let path = folder.to_owned();
                problems.push(Problem::Unavailable { path, attempted: "list", source });
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(LockError { problems }) }
    }
}

fn check(published: &Published, path: PathBuf, write: bool) -> Result<(), Problem> {
    let current = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(Problem::Unavailable { path, attempted: "read", source }),
    };
    let blessed = match bless(current.as_deref(), published) {
        Ok(blessed) => blessed,
        Err(Refusal(why)) => return Err(Problem::Refused { path, why }),
    };
    if current.is_some_and(|current| current.replace("\r\n", "\n") == blessed) {
        return Ok(());
    }
    if !write {
        return Err(Problem::Behind { path, lacks: published.block() });
    }
    replace(&path, &blessed).map_err(|source| Problem::Unavailable {
        path,
        attempted: "write",
        source,
    })
}

/// Writes the file beside and puts it in place, so that it is never there in part.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let beside = path.with_extension("lock.new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

fn orphans(folder: &Path, known: &BTreeSet<String>) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut orphans = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_lock = path.extension().is_some_and(|extension| extension == "lock");
        let is_known = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| known.contains(name));
        if is_lock && !is_known {
            orphans.push(path);
        }
    }
    orphans.sort();
    Ok(orphans)
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { path, lacks } => write!(
                f,
                "{} lacks the version below; append it with SYNCKIT_BLESS=1 cargo test, which publishes it:\n{lacks}",
                path.display()
            ),
            Self::Orphan { path } => write!(
                f,
                "{} belongs to no registered type: events of that name could not be read any more; give a type that \
                 name back and register it, or delete the file if nobody has such events",
                path.display()
            ),
            Self::Refused { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Unavailable { path, attempted, source } => {
                write!(f, "cannot {attempted} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problems.iter().find_map(|problem| match problem {
            Problem::Unavailable { source, .. } => Some(source as _),
            _ => None,
        })
    }
}
