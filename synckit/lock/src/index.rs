//! The index of a package's locks: what is locked, and which test holds it.
//!
//! A lock that is not there is a draft for whoever looks at its file alone. The index says that it
//! was there, and by which of a package's tests it is known: a lock is abandoned when that test no
//! longer knows it, whatever the others know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::name::Family;
use crate::parse::{Corrupt, FORMAT};

/// The file within [`FOLDER`](crate::FOLDER). It is no `*.lock`, which some ignore by that pattern.
pub const INDEX: &str = "index";

/// Lines above the entries.
const HEAD: &str = "# Every lock of this folder, and the tests that hold it. Blessing writes it; a lock that is\n\
                    # listed and not there was lost.";

/// The locks of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    entries: BTreeMap<(Family, String), BTreeSet<String>>,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// When the text is none of this format.
    pub fn parse(text: &str) -> Result<Self, Corrupt> {
        let mut index = Self::default();
        let lines = text.lines().map(str::trim).enumerate();
        let mut lines =
            lines.filter(|(_, line)| !(line.is_empty() || line.starts_with('#'))).peekable();
        let corrupt =
            |at: usize, problem: &str| Corrupt { line: at + 1, problem: problem.to_owned() };
        let first = format!("synckit index {FORMAT}");
        match lines.next() {
            Some((_, line)) if line == first => {}
            found => {
                let at = found.map_or(0, |(at, _)| at);
                return Err(corrupt(at, &format!("an index begins with `{first}`")));
            }
        }
        for (at, line) in lines {
            let words: Vec<_> = line.split_whitespace().collect();
            let family = Family::ALL.into_iter().find(|it| words.first() == Some(&it.word()));
            match (family, words.as_slice()) {
                (Some(family), [_, name, "in", tests @ ..]) => {
                    let tests = tests.iter().map(|test| (*test).to_owned());
                    index.entries.entry((family, (*name).to_owned())).or_default().extend(tests);
                }
                _ => {
                    let problem = "an entry is a type and its tests, as in `event note.moved in \\
                                   notes::locks`; where two branches met, keep the lines of both";
                    return Err(corrupt(at, problem));
                }
            }
        }
        Ok(index)
    }

    /// True if a type is listed.
    pub fn lists(&self, family: Family, name: &str) -> bool {
        self.entries.contains_key(&(family, name.to_owned()))
    }

    /// The types that a test holds.
    pub fn held_by<'a>(&'a self, test: &'a str) -> impl Iterator<Item = (Family, &'a str)> {
        let held = self.entries.iter().filter(move |(_, tests)| tests.contains(test));
        held.map(|((family, name), _)| (*family, name.as_str()))
    }

    /// All types.
    pub fn all(&self) -> impl Iterator<Item = (Family, &str)> {
        self.entries.keys().map(|(family, name)| (*family, name.as_str()))
    }

    /// Lists a type as held by a test.
    pub fn hold(&mut self, family: Family, name: &str, test: &str) {
        self.entries.entry((family, name.to_owned())).or_default().insert(test.to_owned());
    }

    /// That a test holds a type no more, which stays listed for those that do.
    pub fn release(&mut self, family: Family, name: &str, test: &str) {
        let key = (family, name.to_owned());
        if let Some(tests) = self.entries.get_mut(&key) {
            tests.remove(test);
        }
        if self.entries.get(&key).is_some_and(BTreeSet::is_empty) {
            self.entries.remove(&key);
        }
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "synckit index {FORMAT}\n{HEAD}")?;
        self.entries.iter().try_for_each(|((family, name), tests)| {
            write!(f, "{} {name} in", family.word())?;
            tests.iter().try_for_each(|test| write!(f, " {test}"))?;
            writeln!(f)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_as_it_is_printed() {
        let mut index = Index::default();
        index.hold(Family::Event, "note.moved", "notes::locks");
        index.hold(Family::Event, "note.moved", "notes::others");
        index.hold(Family::Value, "Point", "notes::locks");
        let text = index.to_string();
        let entries =
            "event note.moved in notes::locks notes::others\nvalue Point in notes::locks\n";
        assert!(text.ends_with(entries), "{text}");
        assert_eq!(Index::parse(&text), Ok(index.clone()));
        assert!(index.lists(Family::Value, "Point") && !index.lists(Family::Event, "Point"));
        assert_eq!(index.held_by("notes::others").count(), 1);
        index.release(Family::Value, "Point", "notes::locks");
        assert_eq!(index.all().count(), 1);
    }

    #[test]
    fn what_is_no_index_is_refused_at_its_line() {
        let line = |text: &str| Index::parse(text).unwrap_err().line;
        assert_eq!(line(""), 1);
        assert_eq!(line("synckit index 1"), 1);
        assert_eq!(line("synckit index 2\n<<<<<<< HEAD"), 2);
        assert_eq!(line("synckit index 2\n\nthing note in x"), 3);
    }
}
