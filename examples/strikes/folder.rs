//! The folder of the files: a named one, which stays, or a temporary one, removed after the run.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::deal::Share;
use super::failure::Failure;

/// Follows an office's name in the name of its file.
const SUFFIX: &str = ".office.redb";

/// The folder of a run.
#[derive(Debug)]
pub(crate) enum Folder {
    Kept(PathBuf),
    Passing(TempDir),
}

impl Folder {
    /// Opens the named folder, creating it when it is missing, or a temporary one.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = named else { return Ok(Self::Passing(tempfile::tempdir()?)) };
        let failed = |error| format!("cannot make the folder {}: {error}", path.display());
        fs::create_dir_all(path).map_err(failed)?;
        Ok(Self::Kept(path.to_owned()))
    }

    /// The file of an office.
    pub(crate) fn office(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}{SUFFIX}"))
    }

    /// The hub's file.
    pub(crate) fn hub(&self) -> PathBuf {
        self.path().join("hub.redb")
    }

    /// Refuses a folder with an office that is none of these: what it entered would be entered
    /// again by another.
    pub(crate) fn check(&self, shares: &[Share]) -> Result<(), Failure> {
        let dir = self.path().display();
        let failed = |error| format!("cannot read {dir}: {error}");
        for entry in self.path().read_dir().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let office = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            if let Some(office) = office.filter(|name| shares.iter().all(|s| s.office != *name)) {
                return Err(format!(
                    "{dir} has an office `{office}`, which is none of these; repeat the --data and \
                     --offices that it was made with, or choose another --dir"
                )
                .into());
            }
        }
        Ok(())
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(folder) => folder.path(),
        }
    }
}
