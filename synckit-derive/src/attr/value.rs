//! `#[value(…)]` on a value type and on its variants.

use syn::{Attribute, Lit, LitInt, Path};

use super::{Entry, entries, fill, krate, stray, unknown};
use crate::ctxt::Ctxt;

/// `#[value(crate = …)]` on a type.
pub(crate) fn container(cx: &Ctxt, attrs: &[Attribute]) -> Option<Path> {
    let keys = &["crate"];
    let mut path = None;
    for entry in entries(cx, attrs, "value", "#[value(crate = path)]") {
        match entry {
            Entry::Keyed(key, given) if key == "crate" => {
                fill(cx, &mut path, &key, krate(cx, &key, &given));
            }
            Entry::Keyed(key, _) => unknown(cx, &key, "#[value(…)]", keys),
            Entry::Literal(literal) => stray(cx, &literal, "#[value(…)]", keys),
        }
    }
    path
}

/// `#[value(3)]` on a variant.
pub(crate) fn number(cx: &Ctxt, attrs: &[Attribute]) -> Option<LitInt> {
    sole_number(cx, attrs, "value", "#[value(3)]", "a variant has one number")
}

/// The number that `#[helper(3)]` gives.
pub(super) fn sole_number(
    cx: &Ctxt,
    attrs: &[Attribute],
    helper: &str,
    example: &str,
    only_one: &str,
) -> Option<LitInt> {
    let mut number = None;
    for entry in entries(cx, attrs, helper, example) {
        match entry {
            Entry::Literal(Lit::Int(_)) if number.is_some() => {
                cx.error(&entry, format!("{only_one}; keep one of them"));
            }
            Entry::Literal(Lit::Int(given)) => number = Some(given),
            other => cx.error(&other, format!("write a number, such as {example}")),
        }
    }
    number
}
