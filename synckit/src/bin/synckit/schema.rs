//! `synckit schema`: folders of lock files, and the types that replicas have told a store, without the
//! programs that they belong to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use synckit::id::SpaceId;
use synckit::schema::TypesText;
use synckit::show::SpaceTypes;
use synckit_lock::{INDEX, Lock, VersionChanges, parse};

use crate::exit::{Cause, Exit};
use crate::files::FileSource;
use crate::hex;
use crate::output::Output;

/// Largest lock file, in bytes.
const LOCK_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Look at folders of lock files, and at the types that replicas have told a store
#[derive(Args, Debug)]
pub(crate) struct Schema {
    #[command(subcommand)]
    task: SchemaTask,
}

#[derive(Subcommand, Debug)]
enum SchemaTask {
    Lint(Lint),
    Diff(LockDiff),
    Page(LockPage),
    Proto(ToldProto),
}

/// Read every lock file of a folder; the exit code is 5 when one is no good
#[derive(Args, Debug)]
struct Lint {
    /// The folder, such as schemas
    folder: PathBuf,
}

/// Show what one folder's types have that the other's do not; the exit code is 5 when they differ
#[derive(Args, Debug)]
struct LockDiff {
    /// The folder before
    before: PathBuf,
    /// The folder after
    after: PathBuf,
}

/// Print the history of all types of a folder, in Markdown
#[derive(Args, Debug)]
struct LockPage {
    /// The folder
    folder: PathBuf,
}

/// Print the types of a space's events, as a replica has told them: protobuf text, for other languages
#[derive(Args, Debug)]
struct ToldProto {
    #[command(flatten)]
    source: FileSource,
    /// Writes every text into this folder, which is made, instead of printing the last one: those of programs
    /// that were replaced, and of others that write in the space
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

/// The locks of a folder by file, and what is wrong with those that cannot be read.
type Read = (BTreeMap<String, Lock>, Vec<(String, String)>);

impl Schema {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        match &self.task {
            SchemaTask::Lint(lint) => lint.run(out),
            SchemaTask::Diff(diff) => diff.run(out),
            SchemaTask::Page(page) => {
                let locks = sound(&page.folder)?;
                let locks: Vec<_> = locks.into_values().collect();
                out.bytes(synckit_lock::page(&locks).as_bytes())
            }
            SchemaTask::Proto(proto) => proto.run(out).await,
        }
    }
}

impl Lint {
    fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let (locks, wrong) = read(&self.folder)?;
        for (file, what) in &wrong {
            out.tell(|| json!({ "file": file, "error": what }), || format!("{file}: {what}"))?;
        }
        for (file, lock) in &locks {
            let (what, versions) = (lock.what.word(), lock.versions.len());
            out.tell(
                || json!({ "file": file, "what": what, "name": lock.name, "versions": versions }),
                || format!("{file}: the {what} `{}`, {versions} versions", lock.name),
            )?;
        }
        found(!wrong.is_empty())
    }
}

impl LockDiff {
    fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let (before, after) = (sound(&self.before)?, sound(&self.after)?);
        let mut differ = false;
        for (file, old) in &before {
            if !after.contains_key(file) {
                differ = true;
                let text = format!("{file}: gone, the {} `{}`", old.what.word(), old.name);
                out.tell(|| json!({ "file": file, "change": "gone" }), || text)?;
            }
        }
        for (file, new) in &after {
            let known = before.get(file);
            if let Some(old) = known
                && old.versions.iter().zip(&new.versions).any(|(old, new)| old != new)
            {
                differ = true;
                let text = format!("{file}: a version that was published is another one now");
                out.tell(|| json!({ "file": file, "change": "rewritten" }), || text)?;
                continue;
            }
            let published = known.map_or(0, |old| old.versions.len());
            for (index, version) in new.versions.iter().enumerate().skip(published) {
                differ = true;
                let before = index.checked_sub(1).and_then(|index| new.versions.get(index));
                let changes = VersionChanges::of(before, version).to_string();
                out.tell(
                    || json!({ "file": file, "version": version.number, "change": changes.trim_end() }),
                    || format!("{file}: version {}\n{}", version.number, changes.trim_end()),
                )?;
            }
        }
        found(differ)
    }
}

impl ToldProto {
    /// Prints the text that was told last; in JSON, all of them.
    async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let store = self.source.open().await?;
        let mut all = Vec::new();
        for space in self.source.spaces(&store).await? {
            let texts = SpaceTypes::told(&store, &space.id).await;
            let texts = texts.map_err(|error| Exit::of_store(&error))?;
            all.extend(texts.into_iter().map(|text| (space.id.clone(), text)));
        }
        let Some((space, last)) = all.last() else {
            return Err(Exit::new(
                Cause::Found,
                "no replica has told its types here; a program prints its own with `Registry::proto`",
            ));
        };
        if let Some(folder) = &self.into {
            return write_into(folder, &all, out);
        }
        if out.is_json() {
            return all.iter().try_for_each(|(space, text)| {
                let hash = hex::of(text.hash());
                out.line(json!({ "space": space.as_str(), "hash": hash, "text": text.as_str() }))
            });
        }
        if all.iter().any(|(other, _)| other != space) {
            return Err(Exit::settings(
                "types of several spaces are here; name one with --space, or a folder with --into",
            ));
        }
        out.bytes(last.as_str().as_bytes())
    }
}

/// Writes each text into a file of its own, with the beginning of its hash for a name.
fn write_into(folder: &Path, all: &[(SpaceId, TypesText)], out: &mut Output) -> Result<(), Exit> {
    let failed = |path: &Path, error: std::io::Error| {
        Exit::settings(format!("write {}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (space, text) in all {
        let path = folder.join(format!("{:.16}.proto", hex::of(text.hash())));
        fs::write(&path, text.as_str()).map_err(|error| failed(&path, error))?;
        let file = path.display().to_string();
        out.tell(
            || json!({ "space": space.as_str(), "file": file }),
            || format!("{file}: told in the space `{space}`"),
        )?;
    }
    Ok(())
}

/// Fails without a word: everything has been told.
fn found(anything: bool) -> Result<(), Exit> {
    if anything { Err(Exit::new(Cause::Found, "")) } else { Ok(()) }
}

/// The locks of a folder in which every one is good.
fn sound(folder: &Path) -> Result<BTreeMap<String, Lock>, Exit> {
    let (locks, wrong) = read(folder)?;
    match wrong.into_iter().next() {
        Some((file, what)) => Err(Exit::new(Cause::Found, format!("{file}: {what}"))),
        None => Ok(locks),
    }
}

fn read(folder: &Path) -> Result<Read, Exit> {
    let unread = |path: &Path, error: std::io::Error| {
        Exit::settings(format!("read {}: {error}", path.display()))
    };
    let (mut locks, mut wrong) = (BTreeMap::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(|error| unread(folder, error))? {
        let path = entry.map_err(|error| unread(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_none_or(|ending| ending != "lock") || name == INDEX {
            continue;
        }
        let length = path.metadata().map_err(|error| unread(&path, error))?.len();
        if length > LOCK_BYTES_MAX {
            wrong.push((name, format!("it has {length} bytes, and no lock has so many")));
            continue;
        }
        match fs::read_to_string(&path)
            .map_err(|error| unread(&path, error))
            .map(|text| parse(&text))
        {
            Ok(Ok(lock)) => drop(locks.insert(name, lock)),
            Ok(Err(corrupt)) => {
                wrong.push((name, format!("line {}: {}", corrupt.line, corrupt.problem)))
            }
            Err(error) => return Err(error),
        }
    }
    wrong.sort();
    if locks.is_empty() && wrong.is_empty() {
        return Err(Exit::settings(format!("{} holds no lock files", folder.display())));
    }
    Ok((locks, wrong))
}
