//! The power fails at each operation by which a salvaged store gets its place, and leaves any part of
//! what was not durable.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::*;

const PLACE: &str = "store";
const MADE: &str = ".store.salvage-1-0";
const FRESH: &str = "fresh";

#[test]
fn whatever_the_power_leaves_one_of_both_files_is_in_the_place_and_the_damaged_one_is_kept() {
    let left = power_fails_during(|folder| replace(folder, MADE.as_ref(), PLACE.as_ref()));
    for names in &left {
        let kept = names.iter().any(|(_, content)| *content == Content::Damaged);
        assert!(kept, "{names:?}");
        assert!(names.contains_key(PLACE), "{names:?}");
        assert_ne!(names[PLACE], Content::Torn, "{names:?}");
        // The salvage that comes next finishes it.
        if names[PLACE] == Content::Damaged {
            let folder = Folder::after(names);
            let kept = replace(&folder, MADE.as_ref(), PLACE.as_ref()).unwrap();
            let disk = folder.0.into_inner();
            let content = |name: &str| disk.files[disk.durable[name]].1;
            assert_eq!(content(PLACE), Content::Whole);
            assert_eq!(content(name(&kept)), Content::Damaged);
        }
    }
    // Stories with real files begin in these.
    assert_eq!(
        print(&left),
        [
            ".store.salvage-1-0 torn, store damaged",
            ".store.salvage-1-0 whole, store damaged",
            ".store.salvage-1-0 whole, store damaged, store.damaged-1 damaged",
            "store whole, store.damaged-1 damaged",
        ]
    );
}

#[test]
fn whatever_the_power_leaves_a_store_made_elsewhere_is_whole_or_not_there() {
    let left = power_fails_during(|folder| publish(folder, MADE.as_ref(), FRESH.as_ref()));
    for names in &left {
        assert_eq!(names[PLACE], Content::Damaged, "{names:?}");
        assert_ne!(names.get(FRESH), Some(&Content::Torn), "{names:?}");
    }
    assert_eq!(
        print(&left),
        [
            ".store.salvage-1-0 torn, store damaged",
            ".store.salvage-1-0 whole, fresh whole, store damaged",
            ".store.salvage-1-0 whole, store damaged",
            "fresh whole, store damaged",
            "store damaged",
        ]
    );
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Content {
    Damaged,
    Torn,
    Whole,
}

/// A folder after a power failure.
type Left = BTreeMap<String, Content>;

/// Everything that a power failure can leave of an operation.
fn power_fails_during<T>(run: impl Fn(&Folder) -> io::Result<T>) -> BTreeSet<Left> {
    let begin = Left::from([(PLACE.into(), Content::Damaged), (MADE.into(), Content::Torn)]);
    let mut left = BTreeSet::new();
    for operations in 0.. {
        let folder = Folder::after(&begin);
        folder.0.borrow_mut().operations = operations;
        let done = run(&folder).is_ok();
        left.extend(folder.0.into_inner().left());
        if done {
            return left;
        }
    }
    left
}

fn print(left: &BTreeSet<Left>) -> Vec<String> {
    let each = |(name, content): (&String, &Content)| {
        format!("{name} {}", format!("{content:?}").to_lowercase())
    };
    let mut printed: Vec<_> =
        left.iter().map(|names| names.iter().map(each).collect::<Vec<_>>().join(", ")).collect();
    printed.sort();
    printed
}

/// A folder whose changes become durable when they are synced, and before that perhaps.
struct Folder(RefCell<Disk>);

struct Disk {
    /// Each file's content as it is read, and as a power failure may leave it.
    files: Vec<(Content, Content)>,
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<Change>,
    /// The power fails after so many operations.
    operations: usize,
}

#[derive(Clone)]
enum Change {
    Link(String, usize),
    Remove(String),
    Rename(String, String),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl Folder {
    /// The folder that a power failure left; a fresh store has been made since.
    fn after(left: &Left) -> Self {
        let mut left = left.clone();
        left.insert(MADE.into(), Content::Torn);
        let files = left.iter().map(|(name, content)| match name.as_str() {
            MADE => (Content::Whole, Content::Torn),
            _ => (*content, *content),
        });
        let names: BTreeMap<_, _> = left.keys().cloned().zip(0..).collect();
        let (durable, pending) = (names.clone(), Vec::new());
        let disk = Disk { files: files.collect(), names, durable, pending, operations: usize::MAX };
        Self(RefCell::new(disk))
    }

    fn operate<T>(&self, operation: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.0.borrow_mut();
        let left = disk.operations.checked_sub(1);
        disk.operations = left.ok_or_else(|| io::Error::other("the power fails"))?;
        operation(&mut disk)
    }
}

impl Disk {
    fn change(&mut self, change: Change) -> io::Result<()> {
        change.apply(&mut self.names);
        self.pending.push(change);
        Ok(())
    }

    /// With any part of the changes that are not durable, and any part of such bytes.
    fn left(self) -> impl Iterator<Item = Left> {
        let changes = 0..1_usize << self.pending.len();
        changes.flat_map(move |chosen| {
            let mut names = self.durable.clone();
            let pending = self.pending.iter().enumerate();
            let chosen = pending.filter(|(nth, _)| chosen >> nth & 1 == 1);
            chosen.for_each(|(_, change)| change.apply(&mut names));
            let with = |pick: fn(&(Content, Content)) -> Content| -> Left {
                let named = names.iter().map(|(name, file)| (name, pick(&self.files[*file])));
                named.map(|(name, content)| (name.clone(), content)).collect()
            };
            [with(|(read, _)| *read), with(|(_, left)| *left)]
        })
    }
}

impl NamesOnDisk for Folder {
    fn sync(&self, file: &Path) -> io::Result<()> {
        self.operate(|disk| {
            let file = disk.names[name(file)];
            disk.files[file].1 = disk.files[file].0;
            Ok(())
        })
    }

    fn link(&self, file: &Path, to: &Path) -> io::Result<()> {
        self.operate(|disk| {
            if disk.names.contains_key(name(to)) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            disk.change(Change::Link(name(to).into(), disk.names[name(file)]))
        })
    }

    fn rename(&self, file: &Path, to: &Path) -> io::Result<()> {
        self.operate(|disk| disk.change(Change::Rename(name(file).into(), name(to).into())))
    }

    fn remove(&self, of: &Path) -> io::Result<()> {
        self.operate(|disk| disk.change(Change::Remove(name(of).into())))
    }

    fn sync_names(&self, _: &Path) -> io::Result<()> {
        self.operate(|disk| {
            disk.pending.clear();
            disk.durable = disk.names.clone();
            Ok(())
        })
    }
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}
