//! Types that are no fields, as far as their spelling tells: each is one error, with what to write
//! instead. Any other type is left to rustc.

use quote::ToTokens as _;
use syn::{GenericArgument, PathArguments, Type};

use crate::ctxt::Ctxt;

const DERIVES: &str = "#[derive(SyncValue, Clone, Debug, PartialEq)]";
const COLLECTIONS: &[&str] = &["Option", "Vec", "BTreeSet", "BTreeMap"];

/// Reports a field's type that is a tuple, an array, or a collection in another, or has one in it.
pub(super) fn of_field(cx: &Ctxt, ty: &Type) {
    let ty = bare(ty);
    match refused(ty) {
        Some(message) => cx.error(ty, message),
        None => {
            for inner in arguments(ty).into_iter().flat_map(|(_, inner)| inner) {
                if let Some(message) = refused(bare(inner)) {
                    cx.error(inner, message);
                }
            }
        }
    }
}

fn refused(ty: &Type) -> Option<String> {
    let text = |ty: &Type| ty.to_token_stream().to_string().replace(" ,", ",").replace(' ', "");
    match ty {
        Type::Tuple(tuple) if !tuple.elems.is_empty() => {
            let parts: Vec<_> = tuple.elems.iter().map(text).collect();
            Some(format!(
                "a tuple has no name by which a lock could hold it; write a struct: {DERIVES} struct Pair({});",
                parts.join(", ")
            ))
        }
        Type::Array(array) if text(&array.elem) != "u8" => Some(format!(
            "an array of values is no field; write `Vec<{0}>`, or a struct that has a field for each: {DERIVES} \
             struct Triple({0}, {0}, {0});",
            text(&array.elem)
        )),
        _ => {
            let (outer, inner) = arguments(ty)?;
            let inner = inner.into_iter().map(bare).find(|inner| arguments(inner).is_some())?;
            let (named, of) = arguments(inner)?;
            let of = of.first().map(|of| text(of)).unwrap_or_default();
            Some(match (outer, named) {
                ("Option", "Option") => format!(
                    "bytes do not tell `Some(None)` from `None`; write an enum: {DERIVES} enum Change {{ Keep, \
                     Clear, Set({of}) }}"
                ),
                ("Option", _) => format!(
                    "bytes do not tell an empty collection from none; write `{0}`, or a struct for it: {DERIVES} \
                     struct Inner({0});",
                    text(inner)
                ),
                _ => format!(
                    "a collection holds values, and no other collection; write a struct for the inner one: \
                     {DERIVES} struct Inner({});",
                    text(inner)
                ),
            })
        }
    }
}

/// The type without parentheses, and without the marks of a macro that passed it on.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// The collection that is spelt, and the types in it.
fn arguments(ty: &Type) -> Option<(&'static str, Vec<&Type>)> {
    let Type::Path(path) = ty else { return None };
    let (first, last) = (path.path.segments.first()?, path.path.segments.last()?);
    let is_std = ["std", "core", "alloc"].iter().any(|std| first.ident == std);
    if path.qself.is_some() || path.path.segments.len() > 1 && !is_std {
        return None;
    }
    let name = COLLECTIONS.iter().find(|name| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some((name, types.collect()))
}
