//! Lock files on disk, checked and blessed by the tests of a program.
//!
//! [`schema_test!`](crate::schema_test) is the way in. What a lock file holds and may hold is
//! decided by [`schema`](crate::schema) and the crate `synckit_lock`; here files are read and written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fmt, fs, io, process};

use synckit_lock::{Published as Version, Refusal, Types};

use crate::registry::Registry;
use crate::schema::Published;

/// Makes the test that a program's lock files are what its types say:
/// `synckit::schema_test!(registry());`.
///
/// With `SYNCKIT_BLESS=1 cargo test` it appends the versions that the lock files lack, and never
/// rewrites what they hold. Without, it fails when they are not current. Types of other packages
/// are checked there.
#[macro_export]
macro_rules! schema_test {
    ($registry:expr) => {
        #[test]
        fn schema_locks_are_current() {
            let registry: $crate::Registry = $registry;
            let checked = $crate::locks::check_or_bless(
                &registry,
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_MANIFEST_DIR"),
            );
            if let ::core::result::Result::Err(problem) = checked {
                ::core::panic!("{}", problem);
            }
        }
    };
}

/// Checks the lock files of a package, or blesses them when `SYNCKIT_BLESS` says so.
#[doc(hidden)]
pub fn check_or_bless(registry: &Registry, package: &str, root: &str) -> Result<(), LockError> {
    let bless = env::var("SYNCKIT_BLESS").is_ok_and(|value| synckit_lock::is_on(&value));
    registry.check_locks(package, &Path::new(root).join(synckit_lock::FOLDER), bless)
}

/// Lock files are not current.
#[derive(Debug)]
#[non_exhaustive]
pub struct LockError {
    problems: Vec<Problem>,
}

#[derive(Debug)]
enum Problem {
    /// It was not to be written, and is not current.
    Behind { path: PathBuf, lacks: String },
    /// Two types would have the same file.
    Duplicate { path: PathBuf, first: String, second: String },
    /// It is of a type that is not registered.
    Orphan { path: PathBuf },
    /// It holds something else.
    Refused { path: PathBuf, why: Refusal },
    /// It cannot be read or written.
    Unavailable { path: PathBuf, attempted: &'static str, source: io::Error },
}

impl Registry {
    /// Checks that `folder` has the lock files of those registered types that belong to `package`,
    /// and that they are current. With `write`, appends to them what they lack; what they hold is
    /// never rewritten.
    ///
    /// [`schema_test!`](crate::schema_test) makes a test that calls this.
    ///
    /// # Errors
    /// When a lock file is not current or contradicts its type, belongs to no registered type, or
    /// cannot be read or written. All problems are in it, and nothing is written as long as there
    /// is one.
    pub fn check_locks(&self, package: &str, folder: &Path, write: bool) -> Result<(), LockError> {
        let all = self.published();
        let types: Types = all.iter().filter_map(value).collect();
        let own: Vec<_> = all.iter().filter(|each| each.package == package).collect();
        let (mut problems, mut changes) = (duplicates(folder, &own), Vec::new());
        if problems.is_empty() {
            for published in &own {
                match change(&published.lock, &types, folder, write) {
                    Ok(change) => changes.extend(change),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        let known = own.iter().map(|published| synckit_lock::file(&published.lock.name)).collect();
        match orphans(folder, &known) {
            Ok(found) => problems.extend(found.into_iter().map(|path| Problem::Orphan { path })),
            Err(source) => {
                let path = folder.to_owned();
                problems.push(Problem::Unavailable { path, attempted: "list", source });
            }
        }
        if problems.is_empty() {
            problems.extend(put(folder, &changes).err());
        }
        if problems.is_empty() { Ok(()) } else { Err(LockError { problems }) }
    }
}

fn value(published: &Published) -> Option<((String, u32), Version)> {
    use synckit_lock::What;
    let lock = &published.lock;
    let is_value = matches!(lock.what, What::Value | What::Enum | What::OneOf);
    is_value.then(|| ((lock.name.clone(), lock.number), lock.clone()))
}

/// Types whose files would be the same, on file systems that do not tell capital letters from small
/// ones as well.
fn duplicates(folder: &Path, own: &[&Published]) -> Vec<Problem> {
    let subject = |version: &Version| {
        format!("the {} `{}`, version {}", version.what.word(), version.name, version.number)
    };
    let mut taken: BTreeMap<String, &Version> = BTreeMap::new();
    let mut problems = Vec::new();
    for published in own {
        let file = synckit_lock::file(&published.lock.name);
        if let Some(other) = taken.insert(file.to_lowercase(), &published.lock) {
            let (first, second) = (subject(other), subject(&published.lock));
            problems.push(Problem::Duplicate { path: folder.join(file), first, second });
        }
    }
    problems
}

/// The file and its text, when it has to be written.
fn change(
    published: &Version,
    types: &Types,
    folder: &Path,
    write: bool,
) -> Result<Option<(PathBuf, String)>, Problem> {
    let path = folder.join(synckit_lock::file(&published.name));
    let current = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(Problem::Unavailable { path, attempted: "read", source }),
    };
    let version = published.version(types);
    let blessed =
        synckit_lock::append(current.as_deref(), published.what, &published.name, &version);
    match blessed {
        Err(why) => Err(Problem::Refused { path, why }),
        Ok(text) if current.is_some_and(|current| current.replace("\r\n", "\n") == text) => {
            Ok(None)
        }
        Ok(text) if write => Ok(Some((path, text))),
        Ok(_) => Err(Problem::Behind { path, lacks: version.to_string() }),
    }
}

/// Writes all files beside their places, and puts them there once all are written, so that none is
/// ever there in part. Tests that bless at the same time do not meet: their files have names of
/// their own.
fn put(folder: &Path, changes: &[(PathBuf, String)]) -> Result<(), Problem> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Problem::Unavailable { path, attempted: "write", source }
    };
    if !changes.is_empty() {
        fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    let beside: Vec<_> = changes.iter().map(|(path, _)| beside(path)).collect();
    let written = changes
        .iter()
        .zip(&beside)
        .try_for_each(|((path, text), beside)| fs::write(beside, text).map_err(failed(path)));
    let placed = written.and_then(|()| {
        changes
            .iter()
            .zip(&beside)
            .try_for_each(|((path, _), beside)| fs::rename(beside, path).map_err(failed(path)))
    });
    if placed.is_err() {
        // Those that were put in place are no longer there; of the rest nothing is to stay.
        beside.iter().for_each(|beside| drop(fs::remove_file(beside)));
    }
    placed
}

fn beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("lock.{}-{number}", process::id()))
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
            Self::Duplicate { path, first, second } => write!(
                f,
                "{} would be the lock of two types, {first}, and {second}; give one of them another name",
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
            Problem::Refused { why, .. } => Some(why as _),
            Problem::Behind { .. } | Problem::Duplicate { .. } | Problem::Orphan { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use synckit_lock::{MinReader, What};

    use super::*;

    #[test]
    fn files_of_one_name_are_told_before_anything_is_written() {
        let [value, event] = [published(What::Value, "Paid"), published(What::Event, "paid")];
        let problems = duplicates(Path::new("schemas"), &[&value, &event]);
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let expected = "schemas/paid.lock would be the lock of two types, the value `Paid`, version 1, \
                        and the event `paid`, version 1; give one of them another name";
        assert_eq!(said, [expected]);
    }

    #[test]
    fn all_files_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let in_place = |name: &str| (folder.path().join(name), format!("the text of {name}"));
        let no_place = (folder.path().join("gone").join("b.lock"), String::new());
        assert!(put(folder.path(), &[in_place("a.lock"), no_place]).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        put(folder.path(), &[in_place("a.lock"), in_place("b.lock")]).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn those_who_bless_at_the_same_time_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let change = [(folder.path().join("a.lock"), "the same text".to_owned())];
        let bless = || put(folder.path(), &change).is_ok();
        let all = std::thread::scope(|scope| {
            let each: Vec<_> = (0..16).map(|_| scope.spawn(bless)).collect();
            each.into_iter().map(|each| each.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(all, [true; 16]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    fn published(what: What, name: &str) -> Published {
        let lock = Version {
            what,
            name: name.to_owned(),
            number: 1,
            min_reader: MinReader::Is(1),
            items: Vec::new(),
            reserved: Vec::new(),
            other: None,
        };
        Published { package: "", lock, named: Vec::new() }
    }
}
