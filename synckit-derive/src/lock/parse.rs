//! From the text of a lock to its model. A lock that was damaged, edited or badly merged does not
//! parse, and the message names the line.

use std::iter::Peekable;

use super::{Item, Lock, Reserved, Slot, Version, What, shape};

/// The format that is understood.
const FORMAT: &str = "1";

/// Why a text is not a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
}

type Result<T> = std::result::Result<T, Corrupt>;

/// Reads a lock.
pub(crate) fn parse(text: &str) -> Result<Lock> {
    conflict(text)?;
    let lines = text.lines().enumerate().map(|(index, line)| Line { at: index + 1, text: line });
    let mut lines = lines.filter(|line| !line.words().is_empty()).peekable();
    let end = text.lines().count().max(1);
    let missing = |problem: &str| Corrupt { line: end, problem: problem.to_owned() };
    header(lines.next().ok_or_else(|| missing("the file is empty"))?)?;
    let subject = lines.next().ok_or_else(|| missing("the file ends after its first line"))?;
    let (what, name) = subject.subject()?;
    let mut fingerprint = Fingerprint::of(&format!("{} {name}", what.word()));
    let mut versions: Vec<Version> = Vec::new();
    while let Some(line) = lines.next() {
        let before = versions.last().map(|version| version.number);
        let number = line.version(before)?;
        fingerprint.add(&line);
        versions.push(block(what, number, &mut lines, &mut fingerprint, end)?);
    }
    if versions.is_empty() {
        return Err(missing("there is no version in it"));
    }
    Ok(Lock { what, name, versions })
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
            if version.min_reader == 0 {
                return Err(line.corrupt(&format!("version {number} has no `min_reader`")));
            }
            if *given != fingerprint.text() {
                let problem = format!(
                    "version {number} or what is above it was edited after it was locked; restore \
                     the file, and put what is meant into a version of its own"
                );
                return Err(line.corrupt(&problem));
            }
            fingerprint.add(&line);
            return Ok(version);
        }
        line.read(what, &mut version)?;
        fingerprint.add(&line);
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
            (Some(what), [_, name]) => Ok((what, (*name).to_owned())),
            _ => Err(self.corrupt("the second line says what is locked, as in `event note.moved`")),
        }
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
        let number = text.parse().ok().filter(|number: &u32| number.to_string() == text);
        number.ok_or_else(|| self.corrupt(&format!("`{text}` is not a number")))
    }

    fn slot(&self, text: &str) -> Result<Slot> {
        match text.split_once('.') {
            Some((variant, number)) => {
                Ok(Slot { variant: Some(self.number(variant)?), number: self.number(number)? })
            }
            None => Ok(Slot { variant: None, number: self.number(text)? }),
        }
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
            ["other", name] if what == What::Enum => version.other = Some((*name).to_owned()),
            ["reserved", slot, name] => {
                let slot = self.free(version, self.slot(slot)?)?;
                version.reserved.push(Reserved { slot, name: (*name).to_owned() });
            }
            ["variant", number, name] if matches!(what, What::Enum | What::OneOf) => {
                let slot = Slot { variant: None, number: self.number(number)? };
                let slot = self.free(version, slot)?;
                version.items.push(Item { slot, name: (*name).to_owned(), ..Item::default() });
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
        let (rest, default) = match rest {
            [rest @ .., "default"] => (rest, true),
            rest => (rest, false),
        };
        if !shape::is_shape(rest) || rule.is_some() != (what == What::Aggregate) {
            let problem = "a field is its number, its name and its shape, as in `1 by string`";
            return Err(self.corrupt(problem));
        }
        let (name, shape) = (name.to_owned(), Some(rest.join(" ")));
        Ok(Item { slot, name, shape, default, rule })
    }
}

/// The FNV-1a hash of 64 bits over the lines so far, without their blanks. The library computes it
/// when it writes a lock; a test holds both against each other.
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(subject: &str) -> Self {
        let mut fingerprint = Self(0xcbf2_9ce4_8422_2325);
        fingerprint.text_line(subject);
        fingerprint
    }

    fn add(&mut self, line: &Line<'_>) {
        self.text_line(&line.words().join(" "));
    }

    pub(super) fn text_line(&mut self, line: &str) {
        for byte in line.bytes().chain([b'\n']) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(super) fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

/// Completes a lock whose fingerprints are written as `fingerprint ?`.
#[cfg(test)]
pub(crate) fn completed(text: &str) -> String {
    let subject = text.lines().nth(1).unwrap_or_default();
    let mut fingerprint =
        Fingerprint::of(&subject.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut out = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.replace("fingerprint ?", &format!("fingerprint {}", fingerprint.text()));
        out = out + &line + "\n";
        let words: Vec<_> = line.split_whitespace().collect();
        if index > 1 && !words.is_empty() {
            fingerprint.text_line(&words.join(" "));
        }
    }
    out
}

#[cfg(test)]
mod tests;
