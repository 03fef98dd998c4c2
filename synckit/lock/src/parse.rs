//! From the text of a lock to its model. A lock that was damaged, edited or badly merged does not
//! parse, and the message names the line.

use std::iter::Peekable;

use crate::fingerprint::Fingerprint;
use crate::name::Family;
use crate::{
    DomainEvent, FieldReading, Identity, Item, Lock, NotASample, NotASlot, Reserved, Sample, Slot,
    Upcast, Version, What, shape,
};

/// The format that is understood.
pub(crate) const FORMAT: &str = "2";

/// Reason that a text is not a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// The line, from 1.
    pub line: usize,
    /// The mistake there, and what to do.
    pub problem: String,
}

type Result<T> = std::result::Result<T, Corrupt>;

/// Reads a lock.
///
/// # Errors
/// When the text is no lock of this format, or was damaged, edited or badly merged.
pub fn parse(text: &str) -> Result<Lock> {
    whole(text).map(|(lock, _)| lock)
}

/// Reads a lock, and its fingerprint over everything.
pub(crate) fn whole(text: &str) -> Result<(Lock, Fingerprint)> {
    mark(text)?;
    conflict(text)?;
    let lines = text.lines().enumerate().map(|(index, line)| Line { at: index + 1, text: line });
    let mut lines = lines.filter(|line| !line.words().is_empty()).peekable();
    let end = text.lines().count().max(1);
    let missing = |problem: &str| Corrupt { line: end, problem: problem.to_owned() };
    header(lines.next().ok_or_else(|| missing("the file is empty"))?)?;
    let subject = lines.next().ok_or_else(|| missing("the file ends after its first line"))?;
    let (what, name) = subject.subject()?;
    let mut fingerprint = Fingerprint::of(subject.text);
    let mut versions: Vec<Version> = Vec::new();
    while let Some(line) = lines.next() {
        let before = versions.last().map(|version| version.number);
        let number = line.version(before)?;
        fingerprint.add(line.text);
        versions.push(block(what, number, &mut lines, &mut fingerprint, end)?);
    }
    if versions.is_empty() {
        return Err(missing("there is no version in it"));
    }
    Ok((Lock { what, name, versions }, fingerprint))
}

fn mark(text: &str) -> Result<()> {
    if text.starts_with('\u{feff}') {
        let problem = "the file begins with a byte-order mark, which an editor has added; save it as \
                       UTF-8 without one";
        return Err(Corrupt { line: 1, problem: problem.to_owned() });
    }
    Ok(())
}

fn conflict(text: &str) -> Result<()> {
    let is_marker = |line: &str| {
        let line = line.trim();
        ["<<<<<<<", ">>>>>>>", "|||||||"].iter().any(|marker| line.starts_with(marker))
            || line == "======="
    };
    let found = text.lines().position(is_marker);
    found.map_or(Ok(()), |index| {
        let problem = "two branches locked different things here; keep the block that has been \
                       published, take the other one and the markers out, raise the version of \
                       what it was made of, and bless again";
        Err(Corrupt { line: index + 1, problem: problem.to_owned() })
    })
}

fn header(line: Line<'_>) -> Result<()> {
    match line.words().as_slice() {
        ["synckit", "lock", FORMAT] => Ok(()),
        ["synckit", "lock", "1"] => {
            let problem = "it has format 1, which does not hold all that decoding depends on; \
                           take the lock out and bless the type as it was published";
            Err(line.corrupt(problem))
        }
        ["synckit", "lock", other] if other.parse::<u32>().is_ok() => {
            let problem = format!("it has format {other}, known here is {FORMAT}; update synckit");
            Err(line.corrupt(&problem))
        }
        _ => Err(line.corrupt(&format!("a lock begins with `synckit lock {FORMAT}`"))),
    }
}

/// Everything in a version below its first line.
fn block<'a>(
    what: What,
    number: u32,
    lines: &mut Peekable<impl Iterator<Item = Line<'a>>>,
    fingerprint: &mut Fingerprint,
    end: usize,
) -> Result<Version> {
    let mut version = Version { number, ..Version::default() };
    loop {
        let unfinished = || Corrupt {
            line: end,
            problem: format!("version {number} has no fingerprint: its end is missing"),
        };
        let line = lines.next().ok_or_else(unfinished)?;
        if let ["fingerprint", given] = line.words().as_slice() {
            line.whole(what, &version)?;
            if *given != fingerprint.to_string() {
                let problem = format!(
                    "version {number} or what is above it was edited after it was locked; restore \
                     the file, and put what is meant into a version of its own"
                );
                return Err(line.corrupt(&problem));
            }
            fingerprint.add(line.text);
            return Ok(version);
        }
        line.read(what, &mut version)?;
        fingerprint.add(line.text);
    }
}

#[derive(Clone, Copy)]
struct Line<'a> {
    at: usize,
    text: &'a str,
}

impl Line<'_> {
    fn words(&self) -> Vec<&str> {
        self.text.split_whitespace().collect()
    }

    fn corrupt(&self, problem: &str) -> Corrupt {
        Corrupt { line: self.at, problem: problem.to_owned() }
    }

    fn subject(&self) -> Result<(What, String)> {
        let words = self.words();
        let what = What::ALL.into_iter().find(|what| words.first() == Some(&what.word()));
        match (what, words.as_slice()) {
            (Some(what), [_, name]) => match Family::from(what).check(name) {
                Ok(()) => Ok((what, (*name).to_owned())),
                Err(problem) => Err(self.corrupt(&problem.to_string())),
            },
            _ => Err(self.corrupt("the second line says what is locked, as in `event note.moved`")),
        }
    }

    /// Checks what a version must have, where its fingerprint stands.
    fn whole(&self, what: What, version: &Version) -> Result<()> {
        let number = version.number;
        if version.min_reader == 0 {
            return Err(self.corrupt(&format!("version {number} has no `min_reader`")));
        }
        if what.is_value() && version.identity.is_none() {
            return Err(self.corrupt(&format!("version {number} has no `identity`")));
        }
        if number > 1 && version.converts(number - 1) && version.min_reader != number {
            let problem = format!(
                "version {number} converts the events before it, so its `min_reader` is {number}"
            );
            return Err(self.corrupt(&problem));
        }
        Ok(())
    }

    fn version(&self, before: Option<u32>) -> Result<u32> {
        let number = match self.words().as_slice() {
            ["version", number] => self.number(number)?,
            _ => return Err(self.corrupt("a version begins here, as in `version 2`")),
        };
        match before {
            Some(before) if number <= before => Err(self.corrupt(&format!(
                "version {number} stands behind version {before}; a lock only grows"
            ))),
            Some(before) if number != before + 1 => {
                Err(self
                    .corrupt(&format!("version {number} follows version {before}: one is missing")))
            }
            _ => Ok(number),
        }
    }

    fn number(&self, text: &str) -> Result<u32> {
        number(text).map_err(|NotASlot| self.corrupt(&format!("`{text}` is not a number")))
    }

    fn slot(&self, text: &str) -> Result<Slot> {
        text.parse().map_err(|NotASlot| self.corrupt(&format!("`{text}` is not a number")))
    }

    /// Adds what the line says to the version.
    fn read(&self, what: What, version: &mut Version) -> Result<()> {
        match self.words().as_slice() {
            ["min_reader", number] => {
                version.min_reader = self.number(number)?;
                if !(1..=version.number).contains(&version.min_reader) {
                    let problem = format!("`min_reader` is from 1 to {}", version.number);
                    return Err(self.corrupt(&problem));
                }
            }
            ["version", _] => {
                let number = version.number;
                return Err(self.corrupt(&format!("version {number} has no fingerprint")));
            }
            ["commutes"] if what == What::Event => version.commutes = true,
            ["on_delete", "edit_wins"] if what == What::Aggregate => version.edit_wins = true,
            ["upcast", from, by, revision @ ..]
                if what == What::Event && matches!(revision, [] | ["revision", _]) =>
            {
                let from = self.number(from)?;
                if !(1..version.number).contains(&from) {
                    return Err(self.corrupt("what is converted is an earlier version"));
                }
                let revision = revision.last().map_or(Ok(0), |revision| self.number(revision))?;
                version.upcast = Some(Upcast { from, by: (*by).to_owned(), revision });
            }
            ["sample", words @ ..] if what == What::Event => {
                let sample: Sample = words.join(" ").parse().map_err(|NotASample| {
                    self.corrupt("a sample is a version and bytes, as in `sample 1 0a01 is 0802`")
                })?;
                let mut held = version.samples.iter();
                if held.any(|held| held.contradicts(&sample)) {
                    return Err(self.corrupt("another result of this sample is there already"));
                }
                version.samples.push(sample);
            }
            ["reading", words @ ..] if what != What::Aggregate => {
                let reading: FieldReading = words.join(" ").parse().map_err(|NotASample| {
                    self.corrupt(
                        "a reading is a number, bytes and a hash, as in `reading 1 0802 refused`",
                    )
                })?;
                let mut held = version.readings.iter();
                if held.any(|held| held.contradicts(&reading)) {
                    return Err(self.corrupt("another result of this reading is there already"));
                }
                version.readings.push(reading);
            }
            [word @ ("event" | "retired"), name] if what == What::Aggregate => {
                let (name, retired) = ((*name).to_owned(), *word == "retired");
                if version.events.iter().any(|event| event.name == name) {
                    return Err(self.corrupt(&format!("event `{name}` is there already")));
                }
                version.events.push(DomainEvent { name, retired });
            }
            ["identity", identity] if what.is_value() => {
                let identity: std::result::Result<Identity, _> = identity.parse();
                let identity = identity
                    .map_err(|NotASlot| self.corrupt("an identity is 16 digits of 0-9a-f"))?;
                version.identity = Some(identity);
            }
            ["other", name] if what == What::Enum => version.other = Some((*name).to_owned()),
            ["reserved", slot, name] => {
                let slot = self.free(version, self.slot(slot)?)?;
                version.reserved.push(Reserved { slot, name: (*name).to_owned() });
            }
            ["variant", number, name, default @ ..]
                if matches!(what, What::Enum | What::OneOf)
                    && matches!(default, [] | ["default"]) =>
            {
                let slot = Slot::of(None, self.number(number)?);
                let (slot, default) = (self.free(version, slot)?, !default.is_empty());
                let name = (*name).to_owned();
                version.items.push(Item { slot, name, default, ..Item::default() });
            }
            [slot, name, rest @ ..] => {
                let slot = self.free(version, self.slot(slot)?)?;
                version.items.push(self.field(what, slot, name, rest)?);
            }
            _ => return Err(self.corrupt("this says nothing that a lock can hold")),
        }
        Ok(())
    }

    fn free(&self, version: &Version, slot: Slot) -> Result<Slot> {
        let taken = version.item(slot).map(|item| &item.name);
        let reserved = version.reserved.iter().find(|reserved| reserved.slot == slot);
        match taken.or(reserved.map(|reserved| &reserved.name)) {
            Some(other) => Err(self.corrupt(&format!("number {slot} is that of `{other}`"))),
            None => Ok(slot),
        }
    }

    fn field(&self, what: What, slot: Slot, name: &str, rest: &[&str]) -> Result<Item> {
        let (rest, rule) = match rest {
            [rest @ .., "merge", rule] => (rest, Some((*rule).to_owned())),
            rest => (rest, None),
        };
        let (rest, with) = match rest {
            [rest @ .., "with", path] => (rest, Some((*path).to_owned())),
            rest => (rest, None),
        };
        let (rest, default) = match rest {
            [rest @ .., "default"] => (rest, true),
            rest => (rest, false),
        };
        let shape = rest.join(" ");
        if !shape::is_shape(&shape) || rule.is_some() != (what == What::Aggregate) {
            let problem = "a field is its number, its name and its shape, as in `1 by string`";
            return Err(self.corrupt(problem));
        }
        let (name, shape) = (name.to_owned(), Some(shape));
        Ok(Item { slot, name, shape, default, with, rule })
    }
}

/// A number as locks have it: without a sign and without leading zeros.
pub(crate) fn number(text: &str) -> std::result::Result<u32, NotASlot> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text).ok_or(NotASlot)
}

#[cfg(test)]
mod tests;
