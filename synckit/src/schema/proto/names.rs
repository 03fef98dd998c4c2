//! Protobuf identifiers for Rust's names.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The identifiers of one scope.
///
/// Two that differ only in case or underscores count as one: protobuf derives the names in JSON
/// from them.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The identifier, with a number behind it if it is taken.
    pub(super) fn take(&mut self, identifier: String) -> String {
        let taken = |identifier: &String| identifier.replace('_', "").to_ascii_lowercase();
        if self.0.insert(taken(&identifier)) {
            return identifier;
        }
        // As the identifier's own words are.
        let between = if identifier.contains('_') { "_" } else { "" };
        let numbered = |number: usize| format!("{identifier}{between}{number}");
        let free = (2..).map(numbered).find(|each| self.0.insert(taken(each)));
        free.unwrap_or(identifier)
    }

    pub(super) fn contains(&self, identifier: &str) -> bool {
        self.0.contains(&identifier.replace('_', "").to_ascii_lowercase())
    }
}

/// `note.title_set` as `NoteTitleSet`.
pub(super) fn message(name: &str) -> String {
    let name = ascii(name);
    let words = name.split('_').filter_map(|word| {
        let first = word.get(..1)?;
        Some(first.to_ascii_uppercase() + &word[1..])
    });
    beginning_with_a_letter(words.collect(), "T")
}

/// A field's name, which Rust and protobuf write alike.
pub(super) fn field(name: &str) -> String {
    beginning_with_a_letter(ascii(name), "f")
}

/// `InProgress` as `in_progress`.
pub(super) fn snake(name: &str) -> String {
    let chars: Vec<char> = ascii(name).chars().collect();
    let mut out = String::new();
    for (at, char) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        let ends_a_word = |before: char| {
            let next_is_small = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
            before != '_' && (!before.is_ascii_uppercase() || next_is_small)
        };
        if char.is_ascii_uppercase() && before.is_some_and(ends_a_word) {
            out.push('_');
        }
        out.push(char.to_ascii_lowercase());
    }
    beginning_with_a_letter(out, "f")
}

/// `InProgress` of `Phase` as `PHASE_IN_PROGRESS`.
pub(super) fn constant(of_type: &str, name: &str) -> String {
    format!("{}_{}", snake(of_type), snake(name)).to_ascii_uppercase()
}

/// Letters, digits and underscores; letters of other alphabets by their number.
fn ascii(name: &str) -> String {
    let mut out = String::new();
    for char in name.chars() {
        match char {
            '.' | '-' => out.push('_'),
            _ if char == '_' || char.is_ascii_alphanumeric() => out.push(char),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "x{:x}", u32::from(char))),
        }
    }
    out
}

fn beginning_with_a_letter(name: String, letter: &str) -> String {
    match name.chars().next() {
        Some('a'..='z' | 'A'..='Z') => name,
        _ => format!("{letter}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_apart() {
        let snakes = ["Stop", "InProgress", "HTTPError", "A", "Leg2End", "already_so"].map(snake);
        assert_eq!(snakes, ["stop", "in_progress", "http_error", "a", "leg2_end", "already_so"]);
        let messages = ["note.title_set", "2nd-name", "Point", "a..b", "HTTPError"].map(message);
        assert_eq!(messages, ["NoteTitleSet", "T2ndName", "Point", "AB", "HTTPError"]);
        assert_eq!(constant("FlagOf", "InDistress"), "FLAG_OF_IN_DISTRESS");
    }

    #[test]
    fn every_name_becomes_an_identifier() {
        assert_eq!(
            ["größe", "_hidden", "__", "9"].map(field),
            ["grxf6xdfe", "f_hidden", "f__", "f9"]
        );
        assert_eq!(["", "…", "."].map(message), ["T", "X2026", "T"]);
    }

    #[test]
    fn what_is_taken_is_numbered() {
        let mut names = Names::default();
        let mut take = |name: &str| names.take(name.to_owned());
        assert_eq!([take("Note"), take("NOTE"), take("Note2")], ["Note", "NOTE2", "Note22"]);
        assert_eq!([take("a_b"), take("aB"), take("a_b_")], ["a_b", "aB2", "a_b__3"]);
    }
}
