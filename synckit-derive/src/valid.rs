//! Checks of what was understood: names, numbers, and what is there twice.

mod aggregate;
mod name;
mod number;

use std::collections::BTreeSet;

use syn::{GenericParam, Generics, Ident};

use self::number::{Numbers, field_number, variant_number};
use crate::ast::Field;
use crate::ast::event::{Body as EventBody, Content, Event, Kind, Origin};
use crate::ast::value::{Body as ValueBody, Value, Variant};
use crate::ctxt::Ctxt;

pub(crate) use self::aggregate::aggregate;

/// Events, values and aggregates are concrete types.
pub(crate) fn generics(cx: &Ctxt, ident: &Ident, generics: &Generics) {
    for parameter in &generics.params {
        let (what, instead) = match parameter {
            GenericParam::Type(_) => ("type parameter", "write the type it stands for"),
            GenericParam::Lifetime(_) => ("lifetime", "use types that own what they hold"),
            GenericParam::Const(_) => ("const parameter", "write the number it stands for"),
        };
        let message = format!(
            "`{ident}` cannot have a {what}: what is stored and sent is one concrete type; \
             {instead}"
        );
        cx.error(parameter, message);
    }
}

pub(crate) fn value(cx: &Ctxt, value: &Value) {
    match &value.body {
        ValueBody::Struct(of_struct) => fields(cx, of_struct),
        ValueBody::Plain(of_enum) => variants(cx, &value.ident, of_enum, variant_number),
        ValueBody::OneOf(of_enum) => variants(cx, &value.ident, of_enum, field_number),
        ValueBody::Union => {}
    }
}

fn variants(cx: &Ctxt, ident: &Ident, variants: &[Variant], check: fn(u32) -> Option<String>) {
    if variants.is_empty() {
        cx.error(ident, format!("`{ident}` has no values; give it a variant"));
    }
    let mut numbers = Numbers::of("variant", "value", check);
    for variant in variants {
        numbers.add(cx, &variant.ident.to_string(), variant.number, &variant.at);
        fields(cx, &variant.fields);
    }
}

fn fields(cx: &Ctxt, fields: &[Field]) {
    let mut numbers = Numbers::of("field", "field", field_number);
    for field in fields {
        numbers.add(cx, &field.name, field.number, &field.at);
    }
}

pub(crate) fn event(cx: &Ctxt, event: &Event) {
    let (prefix, variants) = match &event.body {
        EventBody::Struct(kind) => {
            fields(cx, &kind.fields);
            return name::of_kind(cx, &kind.name);
        }
        EventBody::Enum { prefix, variants } => (prefix, variants),
        EventBody::Union => return,
    };
    if variants.is_empty() {
        let message = format!("`{}` has no kinds of event; give it a variant", event.ident);
        cx.error(&event.ident, message);
    }
    let prefix_is_bad =
        prefix.as_ref().is_some_and(|prefix| !name::is_good(cx, &prefix.value(), prefix));
    let mut seen = BTreeSet::new();
    for variant in variants {
        let Content::Kind(kind) = &variant.content else { continue };
        fields(cx, &kind.fields);
        if !(prefix_is_bad && kind.name.origin == Origin::Made) {
            name::of_kind(cx, &kind.name);
        }
        unique(cx, &mut seen, kind);
    }
}

fn unique<'a>(cx: &Ctxt, seen: &mut BTreeSet<&'a str>, kind: &'a Kind) {
    let text = kind.name.text.as_str();
    if kind.name.origin != Origin::Missing && !seen.insert(text) {
        let message = format!("two variants are named `{text}`; give one `#[event(name = \"…\")]`");
        cx.error(&kind.name.at, message);
    }
}
