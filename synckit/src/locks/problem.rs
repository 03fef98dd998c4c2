//! Problems with lock files, and what to do.

use std::path::PathBuf;
use std::{fmt, io};

use synckit_lock::name::BadName;
use synckit_lock::{AppendRefusal, Corrupt, VersionChanges};

/// Lock files are not current.
#[derive(Debug)]
#[non_exhaustive]
pub struct LockError {
    pub(super) problems: Vec<Problem>,
}

#[derive(Debug)]
pub(super) enum Problem {
    /// It was not to be written, and is not current.
    Behind { path: PathBuf, lacks: String, changes: VersionChanges },
    /// A value type of another package is in none of its lock files.
    Draft { subject: String, package: String },
    /// Two types would have the same file.
    Duplicate { path: PathBuf, first: String, second: String },
    /// A value type of another package is not what its lock file says.
    Identity { subject: String, package: String },
    /// The index cannot be understood.
    Index { path: PathBuf, corrupt: Corrupt },
    /// A name cannot stand in a file name.
    Name { subject: String, problem: BadName },
    /// No type is of the package.
    Nothing { package: String, test: String },
    /// It is of a type that no test holds.
    Orphan { path: PathBuf },
    /// It holds something else.
    Refused { path: PathBuf, why: AppendRefusal },
    /// It cannot be read or written.
    Unavailable { path: PathBuf, attempted: &'static str, source: io::Error },
    /// A text that is kept beside the locks is not what they say.
    Stale { path: PathBuf },
    /// No sample of an old version could be made.
    Unsampled { name: String, past: u32 },
    /// The index was not to be written, and is not current.
    Unindexed { path: PathBuf },
    /// The manifest does not say that there are locks.
    Untold { path: PathBuf, line: &'static str },
}

impl LockError {
    pub(super) fn of(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
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
            Self::Behind { path, lacks, changes } => write!(
                f,
                "{} lacks the version below; append it with SYNCKIT_BLESS=1 cargo test, which publishes it:\n{lacks}It\n\
                 {changes}",
                path.display()
            ),
            Self::Draft { subject, package } => write!(
                f,
                "{subject}, of package `{package}`, is a draft: it may change under the types here that hold it; \
                 bless it there first, with a schema_test! of that package"
            ),
            Self::Duplicate { path, first, second } => write!(
                f,
                "{} would be the lock of two types, {first}, and {second}; give one of them another name",
                path.display()
            ),
            Self::Identity { subject, package } => write!(
                f,
                "{subject}, of package `{package}`, holds other types than its lock says; run the schema_test! of \
                 that package"
            ),
            Self::Index { path, corrupt } => {
                write!(f, "{}, line {}: {}", path.display(), corrupt.line, corrupt.problem)
            }
            Self::Name { subject, problem } => {
                write!(f, "{subject}, cannot have a lock: {problem}")
            }
            Self::Nothing { package, test } => write!(
                f,
                "`{test}` holds no type of package `{package}`, so it checks nothing; list the package's types: \
                 Schemas::new().value::<Money>(), .event::<Paid>(), .aggregate::<Invoice>()"
            ),
            Self::Orphan { path } => write!(
                f,
                "{} belongs to no type that a schema_test! of this package holds: its events could not be read any \
                 more; bring the type back, with an event in `retired(…)` if it is not emitted any more. Only a type \
                 that nobody has data of is given up, by removing the file and blessing",
                path.display()
            ),
            Self::Refused { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Stale { path } => write!(
                f,
                "{} is not what the types say; write it with SYNCKIT_BLESS=1 cargo test",
                path.display()
            ),
            Self::Unavailable { path, attempted, source } => {
                write!(f, "cannot {attempted} {}: {source}", path.display())
            }
            Self::Unsampled { name, past } => write!(
                f,
                "no event of version {past} of `{name}` could be made up, so its conversion cannot be locked; give \
                 the types in it whose encoding is written by hand some values: ValueRef::opaque(…).with_samples(…)"
            ),
            Self::Unindexed { path } => write!(
                f,
                "{} does not list what this test holds; write it with SYNCKIT_BLESS=1 cargo test",
                path.display()
            ),
            Self::Untold { path, line } => write!(
                f,
                "{} does not tell that there are locks, so that a build without `schemas/` would take published \
                 types for drafts; add:\n\n{line}\n",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problems.iter().find_map(|problem| match problem {
            Problem::Unavailable { source, .. } => Some(source as _),
            Problem::Refused { why, .. } => Some(why as _),
            Problem::Name { problem, .. } => Some(problem as _),
            _ => None,
        })
    }
}
