//! Names in stored bytes and schemas, and the files that locks have for them.
//!
//! One grammar serves the macros, the library and the locks themselves: 1 to [`BYTES_MAX`] bytes of
//! ASCII letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`. Events and
//! aggregates have no capital letters. A lock file carries the family of its type, so that an
//! event, a value and an aggregate may share a name, and no file is called like a device.

use std::fmt;

use crate::What;

/// The longest name, in bytes.
pub const BYTES_MAX: usize = 128;

/// The names that only synckit's own events and aggregates have: this one, and those that begin
/// with it and a dot.
pub const RESERVED: &str = "synckit";

/// Mistake in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// It has another number of bytes than a name may have.
    Length(usize),
    /// It has a character that names of its family do not have.
    Character(char, Family),
    /// It begins with a dot or a hyphen.
    Start,
    /// It ends with a dot.
    End,
    /// It is synckit's own.
    Reserved,
}

/// Types among which a name is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Aggregates.
    Aggregate,
    /// Events.
    Event,
    /// Value types of any kind.
    Value,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aggregate, Self::Event, Self::Value];

    /// The word in file names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aggregate => "aggregate",
            Self::Event => "event",
            Self::Value => "value",
        }
    }

    /// The name of a type's lock file within [`FOLDER`](crate::FOLDER).
    pub fn file(self, name: &str) -> String {
        format!("{}.{name}.lock", self.word())
    }

    /// A type's lock file, from the root of the package.
    pub fn path(self, name: &str) -> String {
        format!("{}/{}", crate::FOLDER, self.file(name))
    }

    /// Checks a name.
    ///
    /// # Errors
    /// When it is not of the grammar, or reserved.
    pub fn check(self, name: &str) -> Result<(), BadName> {
        if name.is_empty() || name.len() > BYTES_MAX {
            return Err(BadName::Length(name.len()));
        }
        if let Some(other) = name.chars().find(|char| !self.has(*char)) {
            return Err(BadName::Character(other, self));
        }
        if name.starts_with(['.', '-']) {
            return Err(BadName::Start);
        }
        if name.ends_with('.') {
            return Err(BadName::End);
        }
        if self != Self::Value && name.split('.').next() == Some(RESERVED) {
            return Err(BadName::Reserved);
        }
        Ok(())
    }

    /// True if names of the family may have the character.
    pub const fn has(self, char: char) -> bool {
        let letter = match self {
            Self::Value => char.is_ascii_alphabetic(),
            Self::Aggregate | Self::Event => char.is_ascii_lowercase(),
        };
        letter || char.is_ascii_digit() || matches!(char, '_' | '.' | '-')
    }
}

impl From<What> for Family {
    fn from(what: What) -> Self {
        match what {
            What::Aggregate => Self::Aggregate,
            What::Event => Self::Event,
            What::Value | What::Enum | What::OneOf => Self::Value,
        }
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(found) => {
                write!(f, "expected a name of 1 to {BYTES_MAX} bytes, found {found}")
            }
            Self::Character(found, family) => {
                let letters = if *family == Family::Value { "a-z, A-Z" } else { "a-z" };
                write!(
                    f,
                    "unexpected character `{}` in a name, expected {letters}, 0-9, `_`, `.` or `-`",
                    found.escape_debug()
                )
            }
            Self::Start => f.write_str("a name begins with a letter, a digit or `_`"),
            Self::End => f.write_str("a name does not end with `.`"),
            Self::Reserved => {
                write!(f, "names that begin with `{RESERVED}.` are reserved for synckit itself")
            }
        }
    }
}

impl std::error::Error for BadName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_files_everywhere() {
        let good = ["note", "note.renamed", "_x", "con", "nul.set", "synckit_note", "9.to-5"];
        let bad =
            ["", "../note", "a/b", "Note", "no te", "note@1", ".note", "-note", "note.", "a\nb"];
        assert!(good.iter().all(|name| Family::Event.check(name).is_ok()));
        for name in bad {
            assert!(Family::Event.check(name).is_err(), "{name}");
        }
        for name in ["synckit", "synckit.note"] {
            assert_eq!(Family::Aggregate.check(name), Err(BadName::Reserved));
            assert_eq!(Family::Value.check(name), Ok(()));
        }
        for name in ["../Point", "Point@9", "optional u32", "Größe", "Point#1"] {
            assert!(Family::Value.check(name).is_err(), "{name}");
        }
        assert_eq!(Family::Value.check("Point"), Ok(()));
        assert_eq!(Family::Event.check(&"n".repeat(129)), Err(BadName::Length(129)));
    }

    #[test]
    fn files_of_families_do_not_meet() {
        assert_eq!(Family::Event.path("paid"), "schemas/event.paid.lock");
        assert_eq!(Family::from(What::OneOf).file("Paid"), "value.Paid.lock");
    }
}
