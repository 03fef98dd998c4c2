//! Appends to locks what they lack. What they hold is never rewritten.

use std::fmt::{self, Write as _};

use crate::fingerprint::Fingerprint;
use crate::model::remerged;
use crate::parse::{Corrupt, FORMAT, whole};
use crate::sample::{Changed, changed, hexadecimal};
use crate::{FieldReading, Version, What, reading};

/// Reason that a lock file cannot become current.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendRefusal {
    /// It is the lock of another type.
    Another {
        /// The kind and the name of the type that it should be of.
        wanted: String,
        /// Those of the type that it is of.
        found: String,
    },
    /// Old events are converted to something else than in a locked version.
    Converts {
        /// The name of the type.
        name: String,
        /// The locked version.
        version: u32,
        /// The version of the type.
        wanted: u32,
        /// The path of the function, or `From`.
        by: String,
        /// The number that says that the function was changed on purpose.
        revision: u32,
        /// The first sample that is converted to something else.
        changed: Box<Changed>,
    },
    /// It was damaged, edited or badly merged.
    Corrupt(Corrupt),
    /// It holds the version, and something else in it.
    Different {
        /// The name of the type.
        name: String,
        /// The version.
        version: u32,
        /// The lines that the lock has and the type has not, and the other way round.
        lines: String,
    },
    /// A module reads a value as something else than in a locked version.
    ReadsOther {
        /// The name of the type.
        name: String,
        /// The locked version.
        version: u32,
        /// The version of the type.
        wanted: u32,
        /// The name of the field.
        field: String,
        /// The module, with its revision.
        with: String,
        /// The value that is read as something else.
        reading: Box<FieldReading>,
    },
    /// A field of a struct in an aggregate is merged by another rule than in a locked version.
    Remerges {
        /// The name of the aggregate.
        name: String,
        /// The field, such as `address.street`.
        field: String,
        /// The rule that is locked.
        rule: String,
    },
    /// The version does not follow the last one.
    Skips {
        /// The name of the type.
        name: String,
        /// The version.
        version: u32,
        /// The last one in the lock.
        last: u32,
    },
}

/// The lock file with the version in it: as it is when it has it, and with the version appended
/// when it is the next one. Line ends become those of Unix.
///
/// # Errors
/// When the file holds something else, or another version follows its last one.
pub fn append(
    current: Option<&str>,
    what: What,
    name: &str,
    version: &Version,
) -> Result<String, AppendRefusal> {
    let subject = format!("{} {name}", what.word());
    let Some(current) = current else {
        let head = format!("synckit lock {FORMAT}\n{subject}");
        return Ok(with_block(&head, version, Fingerprint::of(&subject)));
    };
    let (lock, fingerprint) = whole(current).map_err(AppendRefusal::Corrupt)?;
    let found = format!("{} {}", lock.what.word(), lock.name);
    if found != subject {
        return Err(AppendRefusal::Another { wanted: subject, found });
    }
    let current = current.replace("\r\n", "\n");
    let (name, number, last) = (name.to_owned(), version.number, lock.last().number);
    let before = lock.version(number).unwrap_or_else(|| lock.last());
    let other = converts(before, version, &name).or_else(|| reads(before, version, &name));
    if let Some(other) = other.or_else(|| remerges(before, version, &name)) {
        return Err(other);
    }
    match lock.version(number) {
        Some(held) => match difference(what, held, version) {
            None => Ok(current),
            Some(lines) => Err(AppendRefusal::Different { name, version: number, lines }),
        },
        None if number == last + 1 => Ok(with_block(&current, version, fingerprint)),
        None => Err(AppendRefusal::Skips { name, version: number, last }),
    }
}

/// The samples of a locked version keep their results: in a later one as long as its conversion is
/// the same and of the same revision.
fn converts(held: &Version, wanted: &Version, name: &str) -> Option<AppendRefusal> {
    let (before, upcast) = (held.upcast.as_ref()?, wanted.upcast.as_ref()?);
    let is_carried = before.from == upcast.from && before.revision == upcast.revision;
    Some(AppendRefusal::Converts {
        name: name.to_owned(),
        version: held.number,
        wanted: wanted.number,
        by: upcast.by.clone(),
        revision: before.revision + 1,
        changed: Box::new(changed(held, wanted).filter(|_| is_carried)?),
    })
}

/// Modules go on reading what they have read, until another revision of them says so.
fn reads(held: &Version, wanted: &Version, name: &str) -> Option<AppendRefusal> {
    let reading = reading::changed(held, wanted)?;
    let item = wanted.item(reading.slot)?;
    Some(AppendRefusal::ReadsOther {
        name: name.to_owned(),
        version: held.number,
        wanted: wanted.number,
        field: item.name.clone(),
        with: item.with.clone().unwrap_or_default(),
        reading: Box::new(reading.clone()),
    })
}

/// The fields of structs go on being merged by their rules. Those of aggregates are held to theirs where they
/// are declared.
fn remerges(held: &Version, wanted: &Version, name: &str) -> Option<AppendRefusal> {
    wanted.items.iter().find_map(|item| {
        let (before, rule) = (held.item(item.slot)?.rule.as_deref()?, item.rule.as_deref()?);
        let (path, rule) = remerged(before, rule)?;
        let field = format!("{}{path}", item.name);
        Some(AppendRefusal::Remerges { name: name.to_owned(), field, rule })
    })
}

fn with_block(text: &str, version: &Version, mut fingerprint: Fingerprint) -> String {
    let block = version.to_string();
    block.lines().for_each(|line| fingerprint.add(line));
    format!("{}\n\n{block}  fingerprint {fingerprint}\n", text.trim_end())
}

/// The lines that differ. The fields of events and aggregates may stand in any order: a lock keeps
/// that of the day when it was written. Values are compared by the order of theirs.
fn difference(what: What, held: &Version, wanted: &Version) -> Option<String> {
    let in_order = |version: &Version| -> Vec<String> {
        version.to_string().lines().map(|line| line.trim().to_owned()).collect()
    };
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let (held, wanted) = (in_order(held), in_order(wanted));
    let (held_lines, wanted_lines) = (sorted(held.clone()), sorted(wanted.clone()));
    let mut out = String::new();
    // Writing to a string cannot fail.
    for line in held_lines.iter().filter(|line| !wanted_lines.contains(line)) {
        let _ = write!(out, "\n  - {line}");
    }
    for line in wanted_lines.iter().filter(|line| !held_lines.contains(line)) {
        let _ = write!(out, "\n  + {line}");
    }
    if out.is_empty() && what.is_value() && held != wanted {
        out.push_str("\n  the order is another, by which values are compared");
    }
    (held_lines != wanted_lines || !out.is_empty()).then_some(out)
}

impl fmt::Display for AppendRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Another { wanted, found } => {
                write!(f, "it is the lock of the {found}, not of the {wanted}; rename one of them")
            }
            Self::Converts { name, version, wanted, by, revision, changed } => {
                let Changed { field, sample, found } = &**changed;
                match field {
                    Some(field) => write!(f, "field `{field}` of `{name}`, ")?,
                    None => write!(f, "`{name}`, ")?,
                }
                let shown = |bytes: &Option<Vec<u8>>| {
                    bytes.as_ref().map_or("a refusal".to_owned(), |bytes| hexadecimal(bytes))
                };
                let next = if version == wanted { wanted + 1 } else { *wanted };
                write!(
                    f,
                    "which `{by}` makes of events of version {}, is another than when version \
                     {version} was locked: replicas would read one history differently; bring back \
                     what the function did, or say that the change is meant, with `revision = \
                     {revision}` in #[upcast(…)] and `version = {next}` (the sample {} became {}, \
                     and becomes {})",
                    sample.version,
                    hexadecimal(&sample.payload),
                    shown(&sample.converted),
                    shown(found)
                )
            }
            Self::Corrupt(Corrupt { line, problem }) => write!(f, "line {line}: {problem}"),
            Self::Different { name, version, lines } => write!(
                f,
                "version {version} of `{name}` is locked and is not rewritten; raise the version, \
                 or take the block out as long as nobody has it{lines}"
            ),
            Self::ReadsOther { name, version, wanted, field, with, reading } => {
                let (module, revision) = with.split_once('@').unwrap_or((with, "0"));
                let revision = revision.parse().unwrap_or(0) + 1;
                let next = if version == wanted { wanted + 1 } else { *wanted };
                write!(
                    f,
                    "field `{field}` of `{name}`, which `{module}` reads, is another than when version \
                     {version} was locked: stored values would mean something else; bring back what \
                     `from_value` did, or convert old events with #[upcast(…)], or, if values mean what they \
                     meant and only look otherwise in Debug, say so with `revision = {revision}` in \
                     #[field(…)] and `version = {next}` (the value {})",
                    hexadecimal(&reading.payload)
                )
            }
            Self::Remerges { name, field, rule } => write!(
                f,
                "field `{field}` of `{name}` is merged by `{rule}`, and no version can change that: \
                 replicas would resolve the same history differently; put the rule back and add a field \
                 beside it"
            ),
            Self::Skips { name, version, last } => write!(
                f,
                "version {version} of `{name}` does not follow version {last}, the last in the lock; \
                 write `version = {}`",
                last + 1
            ),
        }
    }
}

impl std::error::Error for AppendRefusal {}

#[cfg(test)]
mod tests;
