//! Holds a type's source against its lock: pure, from two models to findings.
//!
//! A type is in one of three situations. Without a lock it is a draft and may be anything. When its
//! version is locked, it must be what is locked. When its version is the next one, it may be what
//! follows from the last one, and gets its numbers from there.
//!
//! Tokens do not tell what a type is. So the diff says what each field's type has to be, as words
//! of [`shape`], and rustc checks that (`synckit::schema`).

mod entries;
mod locked;
mod next;
#[cfg(test)]
mod tests;

use synckit_lock::{DomainEvent, Family, Lock, MinReader, Reserved, Version, What};

/// A type, as its source states it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) what: What,
    pub(crate) name: String,
    pub(crate) version: u32,
    /// True if it is an old version that is only read.
    pub(crate) historical: bool,
    /// The conversion of events of an older version.
    pub(crate) upcast: Option<SourceUpcast>,
    /// True if it says that they are, even if it is mistaken about how.
    pub(crate) converts: bool,
    /// True if the event is stored without a causal context.
    pub(crate) commutes: bool,
    /// True if edits of an aggregate win over concurrent deletions.
    pub(crate) edit_wins: bool,
    /// True if a variant stands for unknown numbers.
    pub(crate) other: Option<String>,
    /// True if entries were left out because they are mistaken.
    pub(crate) partial: bool,
    pub(crate) entries: Vec<SourceItem>,
}

impl Source {
    /// A type without entries.
    pub(crate) fn of(what: What, name: &str, version: u32) -> Self {
        Self {
            what,
            name: name.to_owned(),
            version,
            historical: false,
            upcast: None,
            converts: false,
            commutes: false,
            edit_wins: false,
            other: None,
            partial: false,
            entries: Vec::new(),
        }
    }
}

/// The function that converts older events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceUpcast {
    /// Its path.
    pub(crate) by: String,
    /// The path that it had.
    pub(crate) was: Option<String>,
    pub(crate) revision: u32,
}

impl SourceUpcast {
    /// True if it is the function that a lock has.
    fn is(&self, locked: &str) -> bool {
        self.by == locked || self.was.as_deref() == Some(locked)
    }
}

/// A field or a variant in the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceItem {
    /// The entry of the variant that the field is in.
    pub(crate) variant: Option<usize>,
    pub(crate) is_variant: bool,
    pub(crate) name: String,
    /// The number, where it is written out.
    pub(crate) number: Option<u32>,
    /// Its former name.
    pub(crate) was: Option<String>,
    /// Of a field, whether what is absent is read as its type's default; of a variant, whether it
    /// is the default.
    pub(crate) default: bool,
    /// True if it is none of the fields that are gone.
    pub(crate) new: bool,
    /// The path of the module that converts it.
    pub(crate) with: Option<String>,
    pub(crate) rule: Option<String>,
}

/// The findings from source and lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diff {
    /// True if the source's version is locked.
    pub(crate) locked: bool,
    /// For each entry its number; nothing when the lock is another's, or has another version.
    pub(crate) numbers: Vec<u32>,
    /// For each entry what its type has to be.
    pub(crate) types: Vec<Demand>,
    /// For each entry the fields that are gone and that it may be under another name.
    pub(crate) lost: Vec<Vec<Lost>>,
    /// The versions of the types that may be converted, and what they are called in messages;
    /// `None` when any earlier one may.
    pub(crate) ways: Option<Ways>,
    /// The domain events of an aggregate that have to be there.
    pub(crate) events: Vec<DomainEvent>,
    pub(crate) min_reader: MinReader,
    pub(crate) reserved: Vec<Reserved>,
    /// For each field of an aggregate the lowest version whose readers may apply its events.
    pub(crate) since: Vec<MinReader>,
    /// The lowest version whose events can be read without being converted.
    pub(crate) readable_from: u32,
    /// The first version that was locked.
    pub(crate) first: u32,
    pub(crate) findings: Vec<Finding>,
}

/// A field that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) name: String,
    /// The types that it could have become.
    pub(crate) followers: Vec<String>,
}

/// The versions that may be converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ways {
    pub(crate) from: Vec<u32>,
    pub(crate) message: String,
    /// The version before, when what is converted may be an earlier one: then the version before is
    /// read as it is, and fields follow from it.
    pub(crate) carries: Option<u32>,
}

/// The demand on a field's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Anything.
    Free,
    /// Exactly what is locked.
    Locked(String),
    /// The locked type, value types in later versions.
    Reads(String),
    /// One of these, of which the first is what is locked.
    Follows(Vec<String>),
    /// One that can be absent.
    Absent,
}

/// A contradiction between source and lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) at: Place,
    pub(crate) message: String,
}

/// The place of a finding in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The name in stored bytes.
    Name,
    /// The version.
    Version,
    /// The conversion of older events.
    Upcast,
    /// The outcome of deletions.
    OnDelete,
    /// An entry: its name.
    Item(usize),
    /// An entry: its number.
    Number(usize),
    /// An entry: what it was called.
    Was(usize),
    /// An entry: its merge rule.
    Rule(usize),
}

/// Holds the source against the lock of its name.
pub(crate) fn diff(source: &Source, lock: &Lock) -> Diff {
    let mut diff = Diff::of(source, lock);
    if (lock.what, &lock.name) != (source.what, &source.name) {
        diff.find(Place::Name, another_subject(source, lock));
        return diff;
    }
    let last = lock.last().number;
    match (lock.version(source.version), source.historical) {
        (Some(version), true) => diff.locked(source, lock, version),
        (Some(version), false) if version.number == last => diff.locked(source, lock, version),
        (None, false) if source.version == last + 1 => diff.next(source, lock, lock.last()),
        (found, _) => diff.find(Place::Version, wrong_version(source, lock, found.is_some())),
    }
    diff
}

fn another_subject(source: &Source, lock: &Lock) -> String {
    let path = Family::from(source.what).path(&source.name);
    let (what, name) = (lock.what.word(), &lock.name);
    if lock.name == source.name {
        let this = source.what.word();
        return format!(
            "{path} is the lock of the {what} `{name}`, this is its {this}: what is stored as one \
             cannot be read as the other; take another name"
        );
    }
    format!(
        "{path} is the lock of the {what} `{name}`: a name stands in stored bytes and cannot be \
         changed; go on calling it `{name}`, or take the lock of a name of its own"
    )
}

fn wrong_version(source: &Source, lock: &Lock, is_locked: bool) -> String {
    let (name, version, last) = (&source.name, source.version, lock.last().number);
    let next = last + 1;
    let first = lock.versions[0].number;
    if source.historical {
        return format!(
            "`{name}` has no locked version {version}: a historical type is one of the versions \
             {first} to {last}"
        );
    }
    if is_locked || version < last {
        return format!(
            "version {version} of `{name}` has been followed by version {last}: write \
             `version = {last}`, or `version = {next}` for a change; a type that only reads the \
             old one says `historical`"
        );
    }
    format!("version {version} of `{name}` would skip version {next}: write `version = {next}`")
}

impl Diff {
    fn of(source: &Source, lock: &Lock) -> Self {
        Self {
            locked: false,
            numbers: Vec::new(),
            types: vec![Demand::Free; source.entries.len()],
            lost: vec![Vec::new(); source.entries.len()],
            ways: None,
            events: Vec::new(),
            min_reader: MinReader::Is(source.version),
            reserved: Vec::new(),
            since: Vec::new(),
            readable_from: source.version,
            first: lock.versions[0].number,
            findings: Vec::new(),
        }
    }

    fn find(&mut self, at: Place, message: String) {
        self.findings.push(Finding { at, message });
    }

    /// Replicas whose programs disagree about deletions would disagree about what is there.
    fn on_delete(&mut self, source: &Source, last: &Version) {
        if source.edit_wins != last.edit_wins {
            let word = |edit_wins| if edit_wins { "edit_wins" } else { "delete_wins" };
            let (name, locked) = (&source.name, word(last.edit_wins));
            let message = format!(
                "`{name}` is locked with `on_delete = {locked}`: with `{}` replicas would resolve one \
                 history differently, which no version can mend; write `on_delete = {locked}`, or \
                 make another aggregate",
                word(source.edit_wins)
            );
            self.find(Place::OnDelete, message);
        }
    }

    /// Events of every locked version can be read.
    fn way(&mut self, source: &Source, lock: &Lock) {
        let (name, version, first) = (&source.name, source.version, lock.versions[0].number);
        if source.what == What::Event && self.readable_from > first && !source.converts {
            let which = match self.readable_from - 1 {
                last if last == first => format!("version {first}"),
                last => format!("versions {first} to {last}"),
            };
            let message = format!(
                "events of {which} of `{name}` cannot be read as version {version}; say how they \
                 are converted: #[upcast(from = …, with = …)]"
            );
            self.find(Place::Name, message);
        }
    }
}

impl SourceItem {
    const fn word(&self) -> &'static str {
        if self.is_variant { "variant" } else { "field" }
    }
}
