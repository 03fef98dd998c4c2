//! What a type's source says, held against its lock: pure, from two models to findings.
//!
//! A type is in one of three situations. Without a lock it is a draft and may be anything. When its
//! version is locked, it must be what is locked. When its version is the next one, it may be what
//! follows from the last one, and gets its numbers from there.
//!
//! Tokens do not tell what a type is. So the diff says what each field's type has to be, as words
//! of [`shape`], and rustc checks that (`synckit::schema`).

mod entries;
#[cfg(test)]
mod tests;

use self::entries::Matched;
use synckit_lock::{Item, Lock, MinReader, Reserved, Version, What, shape};

/// What the source says about a type.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) what: What,
    pub(crate) name: String,
    pub(crate) version: u32,
    /// Whether it is an old version that is only read.
    pub(crate) historical: bool,
    /// Whether it says how events of an older version are converted.
    pub(crate) upcast: bool,
    /// Whether a variant stands for unknown numbers.
    pub(crate) other: Option<String>,
    /// Whether entries were left out because they are mistaken.
    pub(crate) partial: bool,
    pub(crate) entries: Vec<Entry>,
}

impl Source {
    /// A type without entries.
    pub(crate) fn of(what: What, name: &str, version: u32) -> Self {
        Self {
            what,
            name: name.to_owned(),
            version,
            historical: false,
            upcast: false,
            other: None,
            partial: false,
            entries: Vec::new(),
        }
    }
}

/// A field or a variant in the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// The entry of the variant that the field is in.
    pub(crate) variant: Option<usize>,
    pub(crate) is_variant: bool,
    pub(crate) name: String,
    /// The number, where it is written out.
    pub(crate) number: Option<u32>,
    /// What it was called.
    pub(crate) was: Option<String>,
    pub(crate) default: bool,
    pub(crate) rule: Option<String>,
}

/// What follows from source and lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diff {
    /// Whether the source's version is locked.
    pub(crate) locked: bool,
    /// For each entry its number; nothing when the lock is another's, or has another version.
    pub(crate) numbers: Vec<u32>,
    /// For each entry what its type has to be.
    pub(crate) types: Vec<Demand>,
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

/// What a field's type has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Anything.
    Free,
    /// Exactly what is locked.
    Locked(String),
    /// What is locked, value types in later versions.
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

/// Where in the source a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The name in stored bytes.
    Name,
    /// The version.
    Version,
    /// An entry: its name.
    Entry(usize),
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
    let path = synckit_lock::path(&source.name);
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

    /// The version is locked: source and lock say the same.
    fn locked(&mut self, source: &Source, lock: &Lock, version: &Version) {
        self.locked = true;
        self.min_reader = MinReader::Is(version.min_reader);
        self.reserved.clone_from(&version.reserved);
        self.readable_from = lock.readable_from(version.number);
        let instead = if source.historical {
            "a historical type is what is locked".to_owned()
        } else {
            format!("raise the version: `version = {}`", lock.last().number + 1)
        };
        let what = format!("version {} of `{}`, which is locked", version.number, source.name);
        let matched = Matched::of(source, version);
        self.number(source, lock, &matched);
        for (index, entry) in source.entries.iter().enumerate() {
            if let Some(item) = matched.item(index) {
                self.rule(source, index, item);
                self.types[index] = match item.shape.clone() {
                    Some(shape) if source.historical => Demand::Reads(shape),
                    Some(shape) => Demand::Locked(shape),
                    None => Demand::Free,
                };
                self.since.push(MinReader::Is(lock.unchanged_since(item.slot, version.number)));
            } else {
                self.since.push(MinReader::Is(version.number));
            }
            if let Some(difference) = difference(source, index, &matched) {
                let message =
                    format!("{} `{}` {difference} in {what}; {instead}", entry.word(), entry.name);
                self.find(Place::Entry(index), message);
            }
        }
        for item in matched.missing(source) {
            let message =
                format!("{} `{}` of {what}, is missing; {instead}", item.word(), item.name);
            self.find(Place::Name, message);
        }
        if version.other != source.other {
            self.find(
                Place::Name,
                format!("the variant for unknown numbers is another in {what}; {instead}"),
            );
        }
        self.way(source, lock);
        self.was(source, lock);
    }

    /// Events of every locked version can be read.
    fn way(&mut self, source: &Source, lock: &Lock) {
        let (name, version, first) = (&source.name, source.version, lock.versions[0].number);
        if source.what == What::Event && self.readable_from > first && !source.upcast {
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

    /// The version is the one behind the last: what it says has to follow from the last one.
    fn next(&mut self, source: &Source, lock: &Lock, last: &Version) {
        let matched = Matched::of(source, last);
        self.number(source, lock, &matched);
        let converted = source.upcast && source.what == What::Event;
        let mut shapes = Vec::new();
        for (index, entry) in source.entries.iter().enumerate() {
            let Some(item) = matched.item(index) else {
                self.added(source, index, &matched);
                self.since.push(MinReader::Is(source.version));
                continue;
            };
            self.rule(source, index, item);
            let Some(shape) = item.shape.clone() else { continue };
            if !converted {
                let follows = shape::followers(&shape, entry.default);
                self.types[index] = Demand::Follows(follows);
            }
            let since = lock.unchanged_since(item.slot, last.number);
            let of_field = vec![(item.slot, shape.clone())];
            self.since.push(MinReader::Depends { least: since, fields: of_field });
            shapes.push((item.slot, shape));
        }
        let kept = self.removed(source, last, &matched);
        let added = (0..source.entries.len()).filter(|index| matched.item(*index).is_none());
        let unheard_of = added.filter(|index| source.entries[*index].is_variant).count() > 0;
        self.min_reader = if kept && (!unheard_of || last.other.is_some()) {
            MinReader::Depends { least: last.min_reader, fields: shapes }
        } else {
            MinReader::Is(source.version)
        };
        if !converted {
            self.readable_from = lock.readable_from(last.number);
            self.way(source, lock);
        }
        self.was(source, lock);
    }

    /// Reserves what is gone. Returns whether readers of the last version can do without it.
    fn removed(&mut self, source: &Source, last: &Version, matched: &Matched<'_>) -> bool {
        self.reserved.clone_from(&last.reserved);
        let mut kept = true;
        for item in matched.missing(source) {
            let Some(shape) = &item.shape else {
                let message = format!(
                    "variant `{}` of `{}` stands in stored events and cannot be removed; put it \
                     back (and mark it #[deprecated])",
                    item.name, source.name
                );
                self.find(Place::Name, message);
                continue;
            };
            if source.what == What::Aggregate {
                let message = format!(
                    "field `{}` of `{}` cannot be removed or renamed: its events stand in logs, and \
                     would be parked with all they did; put it back (and mark it #[deprecated])",
                    item.name, source.name
                );
                self.find(Place::Name, message);
                continue;
            }
            kept &= shape::may_be_absent(shape);
            self.reserved.push(Reserved { slot: item.slot, name: item.name.clone() });
        }
        if last.other.is_some() && source.other.is_none() {
            let message = format!(
                "`{}` reads unknown numbers since version {}, and stored values may have some; put \
                 the variant with #[value(other)] back",
                source.name, last.number
            );
            self.find(Place::Name, message);
        }
        kept
    }

    /// A merge rule is what replicas have resolved one history by.
    fn rule(&mut self, source: &Source, index: usize, item: &Item) {
        let entry = &source.entries[index];
        if let (Some(rule), Some(locked)) = (&entry.rule, &item.rule)
            && rule != locked
        {
            let name = &entry.name;
            let message = format!(
                "field `{name}` of `{}` is merged by `{locked}`, and no version can change that: \
                 replicas would resolve the same history differently; keep #[merge({locked})] and \
                 add a field beside it",
                source.name
            );
            self.find(Place::Rule(index), message);
        }
    }

    /// Something that the last version does not have.
    fn added(&mut self, source: &Source, index: usize, matched: &Matched<'_>) {
        let entry = &source.entries[index];
        let upcast = source.upcast && source.what == What::Event;
        let free = entry.is_variant
            || entry.default
            || upcast
            || source.what == What::Aggregate
            || matched.is_in_new_variant(source, index);
        if !free {
            self.types[index] = Demand::Absent;
        }
    }
}

/// How an entry differs from what is locked.
fn difference(source: &Source, index: usize, matched: &Matched<'_>) -> Option<String> {
    let entry = &source.entries[index];
    match matched.item(index) {
        None if matched.is_in_new_variant(source, index) => None,
        None => Some("is not there".to_owned()),
        Some(item) if entry.name != item.name => Some(format!("is called `{}`", item.name)),
        Some(item) if entry.default != item.default => {
            Some(if item.default { "has a default" } else { "has no default" }.to_owned())
        }
        Some(_) => None,
    }
}

impl Entry {
    const fn word(&self) -> &'static str {
        if self.is_variant { "variant" } else { "field" }
    }
}
