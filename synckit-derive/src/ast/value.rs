//! What `#[derive(SyncValue)]` understands.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Data, DataEnum, DeriveInput, Fields, Ident};

use super::{Field, Numbering, krate};
use crate::attr;
use crate::ctxt::Ctxt;

/// A type of values.
pub(crate) struct Value {
    pub(crate) ident: Ident,
    pub(crate) krate: TokenStream,
    pub(crate) body: Body,
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
    /// Where a mistake about the number is.
    pub(crate) at: TokenStream,
    pub(crate) fields: Vec<Field>,
}

impl Value {
    pub(crate) fn read(cx: &Ctxt, input: &DeriveInput) -> Self {
        let path = attr::value::container(cx, &input.attrs);
        attr::field::refuse(cx, &input.attrs, "field", "number the fields with it");
        let body = match &input.data {
            Data::Struct(data) => Body::Struct(Field::read_all(cx, &data.fields)),
            Data::Enum(data) if data.variants.iter().all(|v| matches!(v.fields, Fields::Unit)) => {
                Body::Plain(variants(cx, data, 0))
            }
            Data::Enum(data) => Body::OneOf(variants(cx, data, 1)),
            Data::Union(data) => {
                let message = "a union does not say which of its fields is there; use an enum";
                cx.error(data.union_token, message);
                Body::Union
            }
        };
        Self { ident: input.ident.clone(), krate: krate(path.as_ref()), body }
    }
}

fn variants(cx: &Ctxt, data: &DataEnum, first: u32) -> Vec<Variant> {
    let mut numbering = Numbering::from(first);
    let read = |variant: &syn::Variant| {
        let explicit = attr::value::number(cx, &variant.attrs);
        attr::field::refuse(cx, &variant.attrs, "field", "a variant takes #[value(3)]");
        if let (Some((_, discriminant)), None) = (&variant.discriminant, &explicit) {
            let discriminant = discriminant.to_token_stream();
            let message = format!(
                "a discriminant is not written; add #[value({discriminant})] to write this number"
            );
            cx.error(&discriminant, message);
        }
        let (number, at) = numbering.next(explicit, variant.ident.to_token_stream());
        let fields = Field::read_all(cx, &variant.fields);
        Variant { ident: variant.ident.clone(), number, at, fields }
    };
    data.variants.iter().map(read).collect()
}
