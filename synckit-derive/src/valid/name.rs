//! Names as they stand in stored bytes and in the names of lock files.

use quote::ToTokens;
use syn::Ident;
use syn::ext::IdentExt as _;
use synckit_lock::Family;
use synckit_lock::name::{BadName, RESERVED};

use crate::ast::event::{Name, Origin};
use crate::case::snake;
use crate::ctxt::Ctxt;

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
    let Err(problem) = Family::Value.check(text) else { return };
    let ident = ident.unraw().to_string();
    let instead = match Family::Value.check(&ident) {
        Ok(()) => format!("write \"{ident}\""),
        Err(_) => "give the type another: #[value(name = \"…\")]".to_owned(),
    };
    cx.error(at, format!("{problem}; {instead}"));
}

/// Checks a name of an event or aggregate that is written out.
pub(super) fn is_good(cx: &Ctxt, text: &str, at: impl ToTokens) -> bool {
    let Err(problem) = Family::Event.check(text) else { return true };
    let kept = |char: char| if Family::Event.has(char) { char } else { '_' };
    let proposed: String = snake(text).chars().map(kept).collect();
    let proposed = match proposed.strip_prefix(RESERVED) {
        Some(rest) => rest.trim_start_matches('.'),
        None => &proposed,
    };
    let instead = match Family::Event.check(proposed) {
        Ok(()) => format!("; write \"{proposed}\""),
        Err(_) if problem == BadName::Reserved => {
            "; write a name of your own, such as \"note\"".to_owned()
        }
        Err(_) => String::new(),
    };
    cx.error(at, format!("{problem}{instead}"));
    false
}

/// Checks a name that the macro made of others.
pub(super) fn made(cx: &Ctxt, text: &str, at: impl ToTokens, instead: &str) {
    if let Err(problem) = Family::Event.check(text) {
        cx.error(at, format!("invalid generated name `{text}`: {problem}; {instead}"));
    }
}
