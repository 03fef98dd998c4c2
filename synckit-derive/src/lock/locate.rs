//! Locates locks: `schemas/` in the package that is being compiled.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs, io};

use synckit_lock::{FOLDER, Family, INDEX, Index, Lock, parse};

/// The locks of the package that is being compiled, and what its environment demands of them.
pub(crate) struct Locks {
    place: Lookup,
    /// True if types without a lock of their version are refused.
    pub(crate) demanded: bool,
    /// True if locks are about to be written, so that nothing is refused for want of one.
    pub(crate) blessing: bool,
    /// The name of the package.
    pub(crate) package: String,
}

enum Lookup {
    /// A folder.
    Folder(PathBuf),
    /// A build that says nothing about its package.
    Nowhere,
    /// Texts by file name.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests read locks from memory"))]
    Memory(BTreeMap<String, String>),
}

impl Locks {
    /// The place that cargo names.
    pub(crate) fn of_the_environment() -> Self {
        let is_on = |name: &str| env::var(name).is_ok_and(|value| synckit_lock::is_on(&value));
        let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        Self {
            place: package.map_or(Lookup::Nowhere, |dir| Lookup::Folder(dir.join(FOLDER))),
            demanded: is_on("SYNCKIT_LOCKED"),
            blessing: is_on("SYNCKIT_BLESS"),
            package: env::var("CARGO_PKG_NAME").unwrap_or_default(),
        }
    }

    /// Locks in memory, by the name of their file without `.lock`.
    #[cfg(test)]
    pub(crate) fn of(texts: &[(&str, &str)]) -> Self {
        let file = |name: &str| format!("{name}.lock");
        let texts = texts.iter().map(|(name, text)| (file(name), (*text).to_owned())).collect();
        Self {
            place: Lookup::Memory(texts),
            demanded: false,
            blessing: false,
            package: "inspections".to_owned(),
        }
    }

    /// The text of a type's lock; `None` when there is none.
    pub(crate) fn read(&self, family: Family, name: &str) -> io::Result<Option<String>> {
        self.file(&family.file(name))
    }

    /// The locks of value types that can be read.
    pub(crate) fn values(&self) -> Vec<Lock> {
        let texts: Vec<String> = match &self.place {
            Lookup::Folder(folder) => {
                let is_value = |file: &fs::DirEntry| {
                    let name = file.file_name();
                    let name = name.to_str().unwrap_or_default();
                    name.starts_with("value.") && name.ends_with(".lock")
                };
                let files = fs::read_dir(folder).into_iter().flatten().flatten().filter(is_value);
                files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect()
            }
            Lookup::Nowhere => Vec::new(),
            Lookup::Memory(texts) => texts.values().cloned().collect(),
        };
        let mut locks: Vec<_> = texts.iter().filter_map(|text| parse(text).ok()).collect();
        locks.sort_by(|a, b| a.name.cmp(&b.name));
        locks
    }

    /// True if the manifest says that the package has locks.
    pub(crate) fn are_published(&self) -> bool {
        let Lookup::Folder(folder) = &self.place else { return false };
        let manifest = fs::read_to_string(folder.with_file_name("Cargo.toml"));
        manifest.is_ok_and(|text| synckit_lock::manifest_locks(&text))
    }

    /// The file, from the root of the package, that changes when a type gets a lock: cargo cannot
    /// watch a lock that is not there.
    pub(crate) fn watched(&self) -> Option<String> {
        let Lookup::Folder(folder) = &self.place else { return None };
        let has_index = folder.join(INDEX).exists();
        Some(if has_index { format!("/{FOLDER}/{INDEX}") } else { "/Cargo.toml".to_owned() })
    }

    /// The index; `None` when there is none.
    pub(crate) fn index(&self) -> Result<Option<Index>, String> {
        let at = format!("{FOLDER}/{INDEX}");
        match self.file(INDEX) {
            Ok(None) => Ok(None),
            Ok(Some(text)) => Index::parse(&text)
                .map(Some)
                .map_err(|corrupt| format!("{at}, line {}: {}", corrupt.line, corrupt.problem)),
            Err(error) => Err(format!("{at} cannot be read: {error}")),
        }
    }

    fn file(&self, name: &str) -> io::Result<Option<String>> {
        match &self.place {
            Lookup::Folder(folder) => match fs::read_to_string(folder.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                read => read.map(Some),
            },
            Lookup::Nowhere => Ok(None),
            Lookup::Memory(texts) => Ok(texts.get(name).cloned()),
        }
    }
}
