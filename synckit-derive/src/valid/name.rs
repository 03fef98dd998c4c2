//! Names as they stand in stored bytes and in the names of lock files.

use quote::ToTokens;
use syn::Ident;
use syn::ext::IdentExt as _;
use synckit_lock::{RESERVED, is_reserved};

use crate::ast::event::{Name, Origin};
use crate::case::snake;
use crate::ctxt::Ctxt;

/// As in the library's `NAME_BYTES_MAX`.
const NAME_BYTES_MAX: usize = 128;
/// Files that Windows does not have under any extension; the last two end with a digit.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// The characters of a name.
#[derive(Clone, Copy)]
enum Alphabet {
    /// Of events and aggregates.
    Stored,
    /// Of value types, which are called as the types are.
    Typed,
}

/// Checks the name of a kind of event.
pub(super) fn of_kind(cx: &Ctxt, name: &Name) {
    match name.origin {
        Origin::Missing => {}
        Origin::Given => {
            is_good(cx, &name.text, &name.at);
        }
        Origin::Made => {
            made(cx, &name.text, &name.at, "give the variant one: #[event(name = \"…\")]");
        }
    }
}

/// Checks the name of a value type, which is that of the Rust type unless it is written out.
pub(super) fn of_value(cx: &Ctxt, text: &str, ident: &Ident, at: impl ToTokens) {
    let Some(problem) = problem(text, Alphabet::Typed) else { return };
    let ident = ident.unraw().to_string();
    let instead = match self::problem(&ident, Alphabet::Typed) {
        None => format!("write \"{ident}\""),
        Some(_) => "give the type another: #[value(name = \"…\")]".to_owned(),
    };
    cx.error(at, format!("{problem}; {instead}"));
}

/// Checks a name that is written out.
pub(super) fn is_good(cx: &Ctxt, text: &str, at: impl ToTokens) -> bool {
    let Some(problem) = problem(text, Alphabet::Stored) else { return true };
    let kept = |char: char| if Alphabet::Stored.has(char) { char } else { '_' };
    let proposed: String = snake(text).chars().map(kept).collect();
    let proposed = match proposed.strip_prefix(RESERVED) {
        Some(rest) => rest.trim_start_matches('.'),
        None => &proposed,
    };
    let instead = match self::problem(proposed, Alphabet::Stored) {
        None => format!("; write \"{proposed}\""),
        Some(_) if is_reserved(text) => "; write a name of your own, such as \"note\"".to_owned(),
        Some(_) => String::new(),
    };
    cx.error(at, format!("{problem}{instead}"));
    false
}

/// Checks a name that the macro made of others.
pub(super) fn made(cx: &Ctxt, text: &str, at: impl ToTokens, instead: &str) {
    if let Some(problem) = problem(text, Alphabet::Stored) {
        cx.error(at, format!("invalid generated name `{text}`: {problem}; {instead}"));
    }
}

fn problem(text: &str, alphabet: Alphabet) -> Option<String> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        let length = text.len();
        return Some(format!("expected a name of 1 to {NAME_BYTES_MAX} bytes, found {length}"));
    }
    if let Some(other) = text.chars().find(|char| !alphabet.has(*char)) {
        let expected = alphabet.words();
        return Some(format!("unexpected character `{other}` in a name, expected {expected}"));
    }
    if text.starts_with(['.', '-']) {
        return Some("a name begins with a letter, a digit or `_`".to_owned());
    }
    if matches!(alphabet, Alphabet::Stored) && is_reserved(text) {
        return Some(format!(
            "names that begin with `{RESERVED}.` are reserved for synckit itself"
        ));
    }
    let first = text.split('.').next().unwrap_or_default();
    is_device(first).then(|| {
        format!("`{first}` is a device on Windows, which has no lock file of that name; rename it")
    })
}

fn is_device(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let of_several = name.strip_suffix(|last: char| last.is_ascii_digit());
    DEVICES[..4].contains(&name.as_str())
        || of_several.is_some_and(|name| DEVICES[4..].contains(&name))
}

impl Alphabet {
    const fn has(self, char: char) -> bool {
        let of_any = char.is_ascii_digit() || matches!(char, '_' | '.' | '-');
        match self {
            Self::Stored => of_any || char.is_ascii_lowercase(),
            Self::Typed => of_any || char.is_ascii_alphabetic(),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Stored => "a-z, 0-9, `_`, `.` or `-`",
            Self::Typed => "a-z, A-Z, 0-9, `_`, `.` or `-`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_make_files_everywhere() {
        let good = ["note", "note.renamed", "_x", "com", "come", "lpt10", "synckit_note", "9.to-5"];
        let bad = [
            "",
            "../note",
            "a/b",
            "Note",
            "no te",
            "note@1",
            ".note",
            "-note",
            "con",
            "nul.set",
            "com1",
            "lpt0.x",
            "synckit",
            "synckit.note",
        ];
        assert!(good.iter().all(|text| problem(text, Alphabet::Stored).is_none()));
        for text in bad {
            assert!(problem(text, Alphabet::Stored).is_some(), "{text}");
        }
        assert!(problem("Point", Alphabet::Typed).is_none());
        assert!(problem("Synckit", Alphabet::Typed).is_none());
        for text in ["../Point", "Point@9", "optional u32", "Größe", "CON", "Com7.Port"] {
            assert!(problem(text, Alphabet::Typed).is_some(), "{text}");
        }
    }
}
