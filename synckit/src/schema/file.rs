//! Lock files as texts: what they lack is appended, what they hold is never rewritten.

use std::fmt::Write as _;

use super::text::Published;

/// Why a lock file cannot become current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

/// The lock file with the type's version in it: as it is when it has it, and with the version
/// appended when it is the next one.
pub(crate) fn bless(current: Option<&str>, published: &Published) -> Result<String, Refusal> {
    let text = match current {
        Some(text) => text.replace("\r\n", "\n"),
        None => published.head(),
    };
    let blocks = Blocks::of(&text, published)?;
    let wanted = published.block();
    if let Some(held) = blocks.version(published.version) {
        return if normal(held) == normal(&wanted) {
            Ok(text)
        } else {
            Err(Refusal(difference(published, held, &wanted)))
        };
    }
    match blocks.last() {
        Some(last) if last + 1 != published.version => Err(Refusal(format!(
            "version {} of `{}` does not follow version {last}, the last in the lock",
            published.version, published.name
        ))),
        _ => {
            let mut fingerprint = blocks.fingerprint;
            wanted.lines().for_each(|line| fingerprint.add(line));
            let text = text.trim_end();
            Ok(format!("{text}\n\n{wanted}  fingerprint {}\n", fingerprint.text()))
        }
    }
}

/// The versions in a text.
struct Blocks<'a> {
    /// Without their fingerprints.
    versions: Vec<(u32, &'a str)>,
    /// Over the whole text.
    fingerprint: Fingerprint,
}

impl<'a> Blocks<'a> {
    fn of(text: &'a str, published: &Published) -> Result<Self, Refusal> {
        let head = published.head();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if !lines.clone().take(2).eq(head.lines()) {
            let subject = published.subject();
            return Err(Refusal(format!("it does not begin as a lock of the {subject} does")));
        }
        let mut fingerprint = Fingerprint::of(&published.subject());
        lines.skip(2).for_each(|line| fingerprint.add(line));
        let mut versions = Vec::new();
        let mut rest = text;
        while let Some(start) = line_start(rest, "version ") {
            let after = &rest[start..];
            let end = line_start(after, "fingerprint ")
                .ok_or_else(|| Refusal("a version in it has no fingerprint".to_owned()))?;
            let number = after.lines().next().and_then(|line| line.trim().strip_prefix("version "));
            let number = number.and_then(|number| number.trim().parse().ok());
            let number =
                number.ok_or_else(|| Refusal("a version in it has no number".to_owned()))?;
            versions.push((number, &after[..end]));
            rest = &after[end..];
        }
        Ok(Self { versions, fingerprint })
    }

    fn version(&self, number: u32) -> Option<&'a str> {
        self.versions.iter().find(|(held, _)| *held == number).map(|(_, block)| *block)
    }

    fn last(&self) -> Option<u32> {
        self.versions.last().map(|(number, _)| *number)
    }
}

/// Where the first line begins that starts with a word, blanks left out.
fn line_start(text: &str, word: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with(word) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// The lines without their blanks, fields in any order: a lock keeps the order of the day that it
/// was written.
fn normal(block: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<_> = block.lines().map(words).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

fn difference(published: &Published, held: &str, wanted: &str) -> String {
    let Published { name, version, .. } = published;
    let mut out = format!(
        "version {version} of `{name}` is locked and is not rewritten; raise the version, or take the block out as \
         long as nobody has it"
    );
    let (held, wanted) = (normal(held), normal(wanted));
    // Writing to a string cannot fail.
    for line in held.iter().filter(|line| !wanted.contains(line)) {
        let _ = write!(out, "\n  - {line}");
    }
    for line in wanted.iter().filter(|line| !held.contains(line)) {
        let _ = write!(out, "\n  + {line}");
    }
    out
}

/// The FNV-1a hash of 64 bits over the lines so far, without their blanks. `synckit-derive` checks
/// it.
struct Fingerprint(u64);

impl Fingerprint {
    fn of(subject: &str) -> Self {
        let mut fingerprint = Self(0xcbf2_9ce4_8422_2325);
        fingerprint.add(subject);
        fingerprint
    }

    fn add(&mut self, line: &str) {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        for byte in line.bytes().chain([b'\n']) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests;
