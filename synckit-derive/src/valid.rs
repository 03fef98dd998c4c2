//! Checks of what was understood and resolved: names, numbers, and what is there twice. Nothing is
//! changed.

mod aggregate;
mod name;
mod number;
mod spelling;

use std::collections::BTreeSet;

use syn::{GenericParam, Generics, Ident};

use self::number::{Numbers, field_number, variant_number};
use crate::ast::Field;
use crate::ast::event::{Event, Kind, Origin};
use crate::ast::value::{Body as ValueBody, Value, Variant};
use crate::attr::coding::Coding;
use crate::ctxt::Ctxt;
use crate::lock::resolved::{Member, Resolved};

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
            "unexpected {what} of `{ident}`: what is stored and sent is one concrete type; \
             {instead}"
        );
        cx.error(parameter, message);
    }
}

pub(crate) fn value(cx: &Ctxt, value: &Value<'_>, resolved: &Resolved) {
    name::of_value(cx, &value.name, value.ident, &value.name_at);
    let members = &resolved.members;
    match &value.body {
        ValueBody::Struct(of_struct) => fields(cx, of_struct, members),
        ValueBody::Plain(of_enum) => variants(cx, value.ident, of_enum, members, variant_number),
        ValueBody::OneOf(of_enum) => variants(cx, value.ident, of_enum, members, field_number),
        ValueBody::Union => {}
    }
}

fn variants(
    cx: &Ctxt,
    ident: &Ident,
    variants: &[Variant<'_>],
    members: &[Member],
    check: fn(u32) -> Option<String>,
) {
    if variants.is_empty() {
        cx.error(ident, format!("expected a variant: `{ident}` has no values"));
    }
    let mut numbers = Numbers::of("variant", "value", check);
    for (variant, member) in variants.iter().zip(members) {
        numbers.add(cx, &variant.ident.to_string(), member.number, &variant.number.at);
        fields(cx, &variant.fields, &member.fields);
    }
}

fn fields(cx: &Ctxt, fields: &[Field<'_>], members: &[Member]) {
    let mut numbers = Numbers::of("field", "field", field_number);
    for (field, member) in fields.iter().zip(members) {
        numbers.add(cx, &field.name, member.number, &field.number.at);
        if matches!(field.coding, Coding::Own) && !field.generated {
            spelling::of_field(cx, field.ty);
        }
    }
}

pub(crate) fn event(cx: &Ctxt, event: &Event<'_>, resolved: &[Resolved]) {
    let prefix = event.body.prefix();
    let prefix_is_bad = prefix.is_some_and(|prefix| !name::is_good(cx, &prefix.value(), prefix));
    let mut seen = BTreeSet::new();
    for (kind, resolved) in event.body.kinds().zip(resolved) {
        fields(cx, &kind.fields, &resolved.members);
        if !(prefix_is_bad && kind.name.origin == Origin::Made) {
            name::of_kind(cx, &kind.name);
        }
        unique(cx, &mut seen, kind);
    }
}

fn unique<'a>(cx: &Ctxt, seen: &mut BTreeSet<&'a str>, kind: &'a Kind<'_>) {
    let text = kind.name.text.as_str();
    if kind.name.origin != Origin::Missing && !seen.insert(text) {
        let message = format!("two variants are named `{text}`; give one `#[event(name = \"…\")]`");
        cx.error(&kind.name.at, message);
    }
}
