//! What `#[derive(SyncValue)]` understands.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, Ident, LitStr};

use super::{Field, History, Numbered, Numbering, krate};
use crate::attr;
use crate::attr::value::{MemberAttr, ValueAttr};
use crate::ctxt::Ctxt;

/// A type of values.
pub(crate) struct Value {
    pub(crate) ident: Ident,
    pub(crate) krate: TokenStream,
    /// The name in schemas.
    pub(crate) name: String,
    /// Where a mistake about the name is.
    pub(crate) name_at: TokenStream,
    pub(crate) history: History,
    pub(crate) body: Body,
    /// The variant that stands for unknown numbers.
    pub(crate) other: Option<Ident>,
}

pub(crate) enum Body {
    /// A message of these fields.
    Struct(Vec<Field>),
    /// One of these numbers.
    Plain(Vec<Variant>),
    /// A message of exactly one of these fields, each of which is a message.
    OneOf(Vec<Variant>),
    /// Nothing, which has been reported.
    Union,
}

pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) number: u32,
    /// The number that is written out.
    pub(crate) given: Option<u32>,
    /// Where a mistake about the number is.
    pub(crate) at: TokenStream,
    /// What it was called.
    pub(crate) was: Option<LitStr>,
    pub(crate) fields: Vec<Field>,
}

impl Value {
    pub(crate) fn read(cx: &Ctxt, input: &DeriveInput) -> Self {
        let attr = ValueAttr::read(cx, &input.attrs);
        attr::field::refuse(cx, &input.attrs, "field", "number the fields with it");
        let mut other = None;
        let body = match &input.data {
            Data::Struct(data) => Body::Struct(Field::read_all(cx, &data.fields)),
            Data::Enum(data) if data.variants.iter().all(is_plain) => {
                Body::Plain(variants(cx, data, 0, &mut other))
            }
            Data::Enum(data) => Body::OneOf(variants(cx, data, 1, &mut other)),
            Data::Union(data) => {
                let message = "a union does not say which of its fields is there; use an enum";
                cx.error(data.union_token, message);
                Body::Union
            }
        };
        if let (Body::OneOf(_), Some(other)) = (&body, &other) {
            let message = format!(
                "`{other}` can stand for unknown numbers only in an enum without data; remove `other`"
            );
            cx.error(other, message);
        }
        let ident = input.ident.clone();
        Self {
            krate: krate(attr.krate.as_ref()),
            name: attr.name.as_ref().map_or_else(|| ident.unraw().to_string(), LitStr::value),
            name_at: attr
                .name
                .map_or_else(|| ident.to_token_stream(), |name| name.to_token_stream()),
            history: History::draft(attr.version, attr.lock.is_some()),
            body,
            other,
            ident,
        }
    }
}

/// Whether the variant is a number and nothing more, or stands for those that are unknown.
fn is_plain(variant: &syn::Variant) -> bool {
    matches!(variant.fields, Fields::Unit) || is_other(&variant.attrs)
}

fn is_other(attrs: &[Attribute]) -> bool {
    // Read once more where it is reported what is wrong with it.
    MemberAttr::of_variant(&Ctxt::default(), attrs).other.is_some()
}

/// The variants but the one for unknown numbers.
fn variants(cx: &Ctxt, data: &DataEnum, first: u32, other: &mut Option<Ident>) -> Vec<Variant> {
    let mut numbering = Numbering::from(first);
    let read = |variant: &syn::Variant| {
        let attr = MemberAttr::of_variant(cx, &variant.attrs);
        attr::field::refuse(cx, &variant.attrs, "field", "a variant takes #[value(3)]");
        if let Some(at) = &attr.other {
            is_for_unknown_numbers(cx, variant, at, other);
            return None;
        }
        if let (Some((_, discriminant)), None) = (&variant.discriminant, &attr.number) {
            let discriminant = discriminant.to_token_stream();
            let message = format!(
                "a discriminant is not written; add #[value({discriminant})] to write this number"
            );
            cx.error(&discriminant, message);
        }
        let Numbered { number, given, at } =
            numbering.next(attr.number, variant.ident.to_token_stream());
        let fields = Field::read_all(cx, &variant.fields);
        Some(Variant { ident: variant.ident.clone(), number, given, at, was: attr.was, fields })
    };
    data.variants.iter().filter_map(read).collect()
}

fn is_for_unknown_numbers(
    cx: &Ctxt,
    variant: &syn::Variant,
    at: &Ident,
    other: &mut Option<Ident>,
) {
    let ident = &variant.ident;
    let types: Vec<_> = variant.fields.iter().map(|field| field.ty.to_token_stream()).collect();
    let is_tuple = matches!(&variant.fields, Fields::Unnamed(_));
    if !(is_tuple && types.len() == 1 && types[0].to_string() == "u32") {
        let message = format!("the variant for unknown numbers holds the number: `{ident}(u32)`");
        cx.error(at, message);
    }
    if let Some(first) = other.replace(ident.clone()) {
        let message = format!("`{first}` stands for unknown numbers; keep one `other`");
        cx.error(at, message);
    }
}
