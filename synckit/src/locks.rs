//! Lock files on disk, checked and blessed by the tests of a package.
//!
//! [`schema_test!`](crate::schema_test) is the way in. What a lock file holds and may hold is
//! decided by [`schema`](crate::schema) and the crate `synckit_lock`; here files are read and
//! written: those of one package's `schemas/` and none elsewhere, all or none, one blessing at a
//! time.

mod files;
mod problem;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use synckit_lock::{
    FOLDER, Family, INDEX, Identities, Index, Lock, MANIFEST, TypeVersion as Version, Types,
    VersionChanges, identities, manifest_locks,
};

use self::files::{BlessTurn, put, read};
pub use self::problem::LockError;
use self::problem::Problem;
use crate::schema::{Published, Schemas};

/// The page of all locks in a package's folder.
const PAGE: &str = "README.md";

/// Makes the test that a package's lock files are what its types say:
/// `synckit::schema_test!(registry());`.
///
/// With `SYNCKIT_BLESS=1 cargo test` it appends the versions that the lock files lack, and never
/// rewrites what they hold. Without, it fails when they are not current. Types of other packages
/// are blessed there.
///
/// A package with several sets of types has a test for each, with names of their own:
/// `synckit::schema_test!(locks_of_money, Schemas::new().value::<Money>());`.
///
/// Two texts may stand beside the locks. The first blessing makes a `schemas/README.md`, which is kept as
/// a page of all locks and what their versions changed until it is deleted. `schema_test!(registry(), proto = "schemas/events.proto")`
/// keeps the [protobuf text](crate::Registry::proto) of a registry.
#[macro_export]
macro_rules! schema_test {
    ($name:ident, $schemas:expr) => {
        #[test]
        fn $name() {
            let schemas: $crate::schema::Schemas = ::core::convert::From::from($schemas);
            let checked = $crate::locks::check_or_bless(
                &schemas,
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_MANIFEST_DIR"),
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!($name)),
            );
            if let ::core::result::Result::Err(problem) = checked {
                ::core::panic!("{}", problem);
            }
        }
    };
    ($name:ident, $registry:expr, proto = $file:literal) => {
        #[test]
        fn $name() {
            let registry: $crate::Registry = $registry;
            let kept = $crate::locks::keep_text(
                ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", $file),
                &registry.proto(),
            );
            let schemas: $crate::schema::Schemas = ::core::convert::From::from(registry);
            let checked = $crate::locks::check_or_bless(
                &schemas,
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_MANIFEST_DIR"),
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!($name)),
            );
            if let ::core::result::Result::Err(problem) = checked.and(kept) {
                ::core::panic!("{}", problem);
            }
        }
    };
    ($registry:expr, proto = $file:literal) => {
        $crate::schema_test!(schema_locks_are_current, $registry, proto = $file);
    };
    ($schemas:expr) => {
        $crate::schema_test!(schema_locks_are_current, $schemas);
    };
}

/// Checks the lock files of a package, or blesses them when `SYNCKIT_BLESS` says so.
#[doc(hidden)]
pub fn check_or_bless(
    schemas: &Schemas,
    package: &str,
    root: &str,
    test: &str,
) -> Result<(), LockError> {
    schemas.check_locks(&Package::new(package, Path::new(root), test), is_blessing())
}

/// Checks a text beside the lock files, or writes it when `SYNCKIT_BLESS` says so.
#[doc(hidden)]
#[allow(clippy::missing_errors_doc, reason = "for the expansion of a macro")]
pub fn keep_text(path: &str, text: &str) -> Result<(), LockError> {
    kept(Path::new(path), text, is_blessing()).map_err(LockError::of)
}

fn is_blessing() -> bool {
    env::var("SYNCKIT_BLESS").is_ok_and(|value| synckit_lock::is_on(&value))
}

/// Keeps the page of all locks of a package, if there is one, or if these are its `first` locks.
fn kept_page(folder: &Path, write: bool, first: bool) -> Result<(), Problem> {
    let path = folder.join(PAGE);
    if !(first || path.exists()) {
        return Ok(());
    }
    let mut locks = Vec::new();
    for file in files::locks(folder)? {
        locks.extend(read(&file)?.and_then(|text| synckit_lock::parse(&text).ok()));
    }
    kept(&path, &synckit_lock::page(&locks), write)
}

fn kept(path: &Path, text: &str, write: bool) -> Result<(), Problem> {
    let current = read(path)?;
    if current.is_some_and(|current| current.replace("\r\n", "\n") == text) {
        return Ok(());
    }
    match path.parent() {
        Some(folder) if write => put(folder, &[(path.to_owned(), text.to_owned())]),
        _ => Err(Problem::Stale { path: path.to_owned() }),
    }
}

/// A package with lock files.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Package<'a> {
    /// The name in its manifest.
    pub name: &'a str,
    /// The folder of its manifest.
    pub root: &'a Path,
    /// The test that holds the locks: one of the package's, by its whole path.
    pub test: &'a str,
}

impl<'a> Package<'a> {
    /// The package of that name, whose manifest is in `root`, and whose locks `test` holds.
    pub const fn new(name: &'a str, root: &'a Path, test: &'a str) -> Self {
        Self { name, root, test }
    }
}

impl Schemas {
    /// Checks that the package has the lock files of those types that belong to it, and that they
    /// are current. With `write`, appends to them what they lack; what they hold is never
    /// rewritten.
    ///
    /// [`schema_test!`](crate::schema_test) makes a test that calls this.
    ///
    /// # Errors
    /// When a lock file is not current or contradicts its type, belongs to no type that any of the
    /// package's tests holds, or cannot be read or written, and when no type is the package's. All
    /// problems are in it, and nothing is written as long as there is one; that the manifest does
    /// not tell of the locks is told last.
    pub fn check_locks(&self, package: &Package<'_>, write: bool) -> Result<(), LockError> {
        let folder = package.root.join(FOLDER);
        let turn = if write { Some(BlessTurn::take(&folder)) } else { None };
        let _turn = turn.transpose().map_err(LockError::of)?;
        let is_first = write && !folder.join(INDEX).exists();
        let checked = OwnTypes::of(self, package, &folder);
        let (mut problems, changes) = match checked {
            Ok(checked) => checked.compared(write),
            Err(problems) => (problems, Vec::new()),
        };
        if problems.is_empty() {
            problems.extend(put(&folder, &changes).err());
        }
        if problems.is_empty() {
            problems.extend(kept_page(&folder, write, is_first).err());
        }
        if problems.is_empty() {
            problems.extend(untold(package.root));
        }
        if problems.is_empty() { Ok(()) } else { Err(LockError { problems }) }
    }
}

/// A package's own types, fit to be compared with its files.
struct OwnTypes<'a> {
    own: Vec<&'a Published>,
    types: Types,
    identities: Identities,
    folder: &'a Path,
    test: &'a str,
}

impl<'a> OwnTypes<'a> {
    fn of(
        schemas: &'a Schemas,
        package: &Package<'a>,
        folder: &'a Path,
    ) -> Result<Self, Vec<Problem>> {
        let own: Vec<_> = schemas.all().filter(|each| each.package == package.name).collect();
        if own.is_empty() {
            let (package, test) = (package.name.to_owned(), package.test.to_owned());
            return Err(vec![Problem::Nothing { package, test }]);
        }
        let mut problems = misnamed(&own);
        problems.extend(duplicates(folder, &own));
        let types: Types = schemas.all().filter_map(value).collect();
        let identities = identities(&types);
        let others = schemas.all().filter(|each| each.package != package.name);
        problems.extend(others.filter_map(|other| unlike(other, &own, &identities)));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { own, types, identities, folder, test: package.test })
    }

    /// The problems, and the files to write.
    fn compared(&self, write: bool) -> (Vec<Problem>, Vec<(PathBuf, String)>) {
        let (mut problems, mut changes) = (Vec::new(), Vec::new());
        for published in &self.own {
            match self.change(published, write) {
                Ok(change) => changes.extend(change),
                Err(problem) => problems.push(problem),
            }
        }
        match self.index(write) {
            Ok(change) => changes.extend(change),
            Err(found) => problems.extend(found),
        }
        (problems, changes)
    }

    /// The file and its text, when it has to be written.
    fn change(
        &self,
        published: &Published,
        write: bool,
    ) -> Result<Option<(PathBuf, String)>, Problem> {
        let Version { what, name, .. } = &published.lock;
        let path = self.folder.join(Family::from(*what).file(name));
        let current = read(&path)?;
        let lock = current.as_deref().and_then(|text| synckit_lock::parse(text).ok());
        let samples = published.samples(lock.as_ref());
        let samples = samples.map_err(|past| Problem::Unsampled { name: name.clone(), past })?;
        let version = published.lock.version(&self.types, &self.identities);
        let readings = published.readings(lock.as_ref());
        let version = synckit_lock::Version { samples, readings, ..version };
        let blessed = synckit_lock::append(current.as_deref(), *what, name, &version);
        match blessed {
            Err(why) => Err(Problem::Refused { path, why }),
            Ok(text) if current.is_some_and(|current| current.replace("\r\n", "\n") == text) => {
                Ok(None)
            }
            Ok(text) if write => Ok(Some((path, text))),
            Ok(_) => {
                let (samples, readings) = (Vec::new(), Vec::new());
                let lacks = synckit_lock::Version { samples, readings, ..version };
                let changes = VersionChanges::of(lock.as_ref().map(Lock::last), &lacks);
                Err(Problem::Behind { path, lacks: lacks.to_string(), changes })
            }
        }
    }

    /// The index and its text, when it has to be written.
    fn index(&self, write: bool) -> Result<Option<(PathBuf, String)>, Vec<Problem>> {
        let path = self.folder.join(INDEX);
        let current = read(&path).map_err(|problem| vec![problem])?;
        let mut index = match &current {
            Some(text) => Index::parse(text)
                .map_err(|corrupt| vec![Problem::Index { path: path.clone(), corrupt }])?,
            None => Index::default(),
        };
        let own: Vec<_> = self.own.iter().map(|each| family_and_name(&each.lock)).collect();
        own.iter().for_each(|(family, name)| index.hold(*family, name, self.test));
        let held = index.held_by(self.test).map(|(family, name)| (family, name.to_owned()));
        let gone: Vec<_> =
            held.filter(|(family, name)| !own.contains(&(*family, name.as_str()))).collect();
        gone.iter().for_each(|(family, name)| index.release(*family, name, self.test));
        let mut problems = Vec::new();
        for (family, name) in gone.iter().filter(|(family, name)| !index.lists(*family, name)) {
            let path = self.folder.join(family.file(name));
            if path.exists() {
                problems.push(Problem::Orphan { path });
            }
        }
        let text = index.to_string();
        let is_current = current.is_some_and(|current| current.replace("\r\n", "\n") == text);
        if !write {
            problems.extend((!is_current).then_some(Problem::Unindexed { path: path.clone() }));
            problems.extend(self.strangers(&index)?);
        }
        if problems.is_empty() { Ok((!is_current).then_some((path, text))) } else { Err(problems) }
    }

    /// Lock files that no test holds.
    fn strangers(&self, index: &Index) -> Result<Vec<Problem>, Vec<Problem>> {
        let known: Vec<_> = index.all().map(|(family, name)| family.file(name)).collect();
        let files = files::locks(self.folder).map_err(|problem| vec![problem])?;
        let is_known = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| known.iter().any(|known| known == name))
        };
        let strangers = files.into_iter().filter(|path| !is_known(path));
        Ok(strangers.map(|path| Problem::Orphan { path }).collect())
    }
}

fn family_and_name(version: &Version) -> (Family, &str) {
    (version.what.into(), &version.name)
}

fn value(published: &Published) -> Option<((String, u32), Version)> {
    let lock = &published.lock;
    lock.what.is_value().then(|| ((lock.name.clone(), lock.number), lock.clone()))
}

/// Names that no macro has checked: those of types whose traits are implemented by hand.
fn misnamed(own: &[&Published]) -> Vec<Problem> {
    let problem = |published: &&Published| {
        let (family, name) = family_and_name(&published.lock);
        let problem = family.check(name).err()?;
        Some(Problem::Name { subject: subject(&published.lock), problem })
    };
    own.iter().filter_map(problem).collect()
}

/// Types whose files would be the same, on file systems that do not tell capital letters from small
/// ones as well.
fn duplicates(folder: &Path, own: &[&Published]) -> Vec<Problem> {
    let mut taken: BTreeMap<String, &Version> = BTreeMap::new();
    let mut problems = Vec::new();
    for published in own {
        let (family, name) = family_and_name(&published.lock);
        let file = family.file(name);
        if let Some(other) = taken.insert(file.to_lowercase(), &published.lock) {
            let (first, second) = (subject(other), subject(&published.lock));
            problems.push(Problem::Duplicate { path: folder.join(file), first, second });
        }
    }
    problems
}

fn subject(version: &Version) -> String {
    format!("the {} `{}`, version {}", version.what.word(), version.name, version.number)
}

/// A value type of another package that the package's own types hold, and that nothing holds to
/// what it is.
fn unlike(other: &Published, own: &[&Published], identities: &Identities) -> Option<Problem> {
    let key = (other.lock.name.clone(), other.lock.number);
    if !other.lock.what.is_value() || !own.iter().any(|own| own.lock.named().contains(&key)) {
        return None;
    }
    let (subject, package) = (subject(&other.lock), other.package.to_owned());
    match other.identity {
        None => Some(Problem::Draft { subject, package }),
        Some(identity) if identities.get(&key) != Some(&identity) => {
            Some(Problem::Identity { subject, package })
        }
        Some(_) => None,
    }
}

/// A manifest that does not tell of the locks: a build without them would take types for drafts.
fn untold(root: &Path) -> Option<Problem> {
    let path = root.join("Cargo.toml");
    let manifest = read(&path).ok().flatten()?;
    (!manifest_locks(&manifest)).then_some(Problem::Untold { path, line: MANIFEST })
}

#[cfg(test)]
mod tests;
