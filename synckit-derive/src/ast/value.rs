//! Model of a value, as `#[derive(SyncValue)]` understands it.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, Ident, LitStr};

use super::{Field, GivenNumber, History, krate};
use crate::attr;
use crate::attr::value::{MemberAttr, ValueAttr};
use crate::ctxt::Ctxt;

/// A type of values.
pub(crate) struct Value<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) krate: TokenStream,
    /// The name in schemas.
    pub(crate) name: String,
    /// The place of a mistake about the name.
    pub(crate) name_at: TokenStream,
    pub(crate) history: History,
    pub(crate) body: Body<'a>,
    /// The variant that stands for unknown numbers.
    pub(crate) other: Option<&'a Ident>,
}

pub(crate) enum Body<'a> {
    /// A message of these fields.
    Struct(Vec<Field<'a>>),
    /// One of these numbers.
    Plain(Vec<Variant<'a>>),
    /// A message of exactly one of these fields, each of which is a message.
    OneOf(Vec<Variant<'a>>),
    /// Nothing, which has been reported.
    Union,
}

pub(crate) struct Variant<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) number: GivenNumber,
    /// The former name.
    pub(crate) was: Option<LitStr>,
    /// True if it is the enum's `#[default]`.
    pub(crate) default: bool,
    pub(crate) fields: Vec<Field<'a>>,
}

impl<'a> Value<'a> {
    pub(crate) fn read(cx: &Ctxt, input: &'a DeriveInput) -> Self {
        let attr = ValueAttr::read(cx, &input.attrs);
        attr::field::refuse(cx, &input.attrs, "field", "number the fields with it");
        let mut other = None;
        let body = match &input.data {
            Data::Struct(data) => Body::Struct(Field::read_all(cx, &data.fields)),
            Data::Enum(data) if data.variants.iter().all(is_plain) => {
                Body::Plain(variants(cx, data, &mut other))
            }
            Data::Enum(data) => Body::OneOf(variants(cx, data, &mut other)),
            Data::Union(data) => {
                let message =
                    "unexpected union: nothing says which of its fields is there; use an enum";
                cx.error(data.union_token, message);
                Body::Union
            }
        };
        if let (Body::OneOf(_), Some(other)) = (&body, &other) {
            let message = format!(
                "unexpected key `other`: `{other}` can stand for unknown numbers only in an enum without data"
            );
            cx.error(other, message);
        }
        let ident = &input.ident;
        Self {
            krate: krate(attr.krate.as_ref()),
            name: attr.name.as_ref().map_or_else(|| ident.unraw().to_string(), LitStr::value),
            name_at: attr
                .name
                .map_or_else(|| ident.to_token_stream(), |name| name.to_token_stream()),
            history: History::of(attr.version, attr.lock),
            body,
            other,
            ident,
        }
    }
}

impl Value<'_> {
    /// True if it, or a variant of it, has a field.
    pub(crate) fn has_fields(&self) -> bool {
        match &self.body {
            Body::Struct(fields) => !fields.is_empty(),
            Body::Plain(variants) | Body::OneOf(variants) => {
                variants.iter().any(|variant| !variant.fields.is_empty())
            }
            Body::Union => false,
        }
    }
}

/// True if the variant is a number and nothing more, or stands for those that are unknown.
fn is_plain(variant: &syn::Variant) -> bool {
    matches!(variant.fields, Fields::Unit) || is_other(&variant.attrs)
}

fn is_other(attrs: &[Attribute]) -> bool {
    // Read once more where it is reported what is wrong with it.
    MemberAttr::of_variant(&Ctxt::default(), attrs).other.is_some()
}

/// The variants but the one for unknown numbers.
fn variants<'a>(cx: &Ctxt, data: &'a DataEnum, other: &mut Option<&'a Ident>) -> Vec<Variant<'a>> {
    let read = |variant: &'a syn::Variant| {
        let attr = MemberAttr::of_variant(cx, &variant.attrs);
        attr::field::refuse(cx, &variant.attrs, "field", "a variant takes #[value(3)]");
        if let Some(at) = &attr.other {
            is_for_unknown_numbers(cx, data, variant, at, other);
            return None;
        }
        if let (Some((_, discriminant)), None) = (&variant.discriminant, &attr.number) {
            let discriminant = discriminant.to_token_stream();
            let message = format!(
                "discriminants are not encoded; add #[value({discriminant})] to encode this number"
            );
            cx.error(&discriminant, message);
        }
        let number = GivenNumber::of(attr.number, variant.ident.to_token_stream());
        let fields = Field::read_all(cx, &variant.fields);
        let default = variant.attrs.iter().any(|attr| attr.path().is_ident("default"));
        Some(Variant { ident: &variant.ident, number, was: attr.was, default, fields })
    };
    data.variants.iter().filter_map(read).collect()
}

fn is_for_unknown_numbers<'a>(
    cx: &Ctxt,
    data: &DataEnum,
    variant: &'a syn::Variant,
    at: &Ident,
    other: &mut Option<&'a Ident>,
) {
    let ident = &variant.ident;
    let types: Vec<_> = variant.fields.iter().map(|field| field.ty.to_token_stream()).collect();
    let is_tuple = matches!(&variant.fields, Fields::Unnamed(_));
    if !(is_tuple && types.len() == 1 && types[0].to_string() == "u32") {
        let message = format!("expected one unnamed field, the unknown number: `{ident}(u32)`");
        cx.error(at, message);
    }
    if data.variants.last().is_some_and(|last| !is_other(&last.attrs)) {
        let message = format!(
            "expected `{ident}` to be the last variant: unknown numbers are greater than known ones"
        );
        cx.error(at, message);
    }
    if let Some(first) = other.replace(ident) {
        let message = format!("duplicate key `other`: `{first}` has it; keep one");
        cx.error(at, message);
    }
}
