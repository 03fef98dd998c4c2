//! Names as they stand in stored bytes.

use quote::ToTokens;

use crate::ast::event::{Name, Origin};
use crate::case::snake;
use crate::ctxt::Ctxt;

/// As in the library's `NAME_BYTES_MAX`.
const NAME_BYTES_MAX: usize = 128;

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

/// Checks a name that is written out.
pub(super) fn is_good(cx: &Ctxt, text: &str, at: impl ToTokens) -> bool {
    let Some(problem) = problem(text) else { return true };
    let proposed: String =
        snake(text).chars().map(|char| if fits(char) { char } else { '_' }).collect();
    let instead = match self::problem(&proposed) {
        None => format!("; write \"{proposed}\""),
        Some(_) => String::new(),
    };
    cx.error(at, format!("{problem}{instead}"));
    false
}

/// Checks a name that the macro made of others.
pub(super) fn made(cx: &Ctxt, text: &str, at: impl ToTokens, instead: &str) {
    if let Some(problem) = problem(text) {
        cx.error(at, format!("`{text}` cannot be the name of an event: {problem}; {instead}"));
    }
}

fn problem(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        let length = text.len();
        return Some(format!("a name has 1 to {NAME_BYTES_MAX} bytes, this has {length}"));
    }
    let other = text.chars().find(|char| !fits(*char))?;
    Some(format!("a name has a-z, 0-9, `_`, `.` and `-`, this has `{other}`"))
}

const fn fits(char: char) -> bool {
    char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '_' | '.' | '-')
}
