//! Fields under numbers: what event payloads and messages have in common.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::number;
use crate::ast::Field;

/// The fields, ascending by number.
fn sorted(fields: &[Field]) -> Vec<&Field> {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|field| field.number);
    sorted
}

/// The field's type as a `Field`, where rustc says so when it is none.
fn as_field(krate: &TokenStream, field: &Field) -> TokenStream {
    let ty = &field.ty;
    quote_spanned!(ty.span()=> <#ty as #krate::wire::Field>)
}

/// The trait to call for a value of the field: with the type when rustc is to point there, without
/// where the value tells it.
fn to_call(krate: &TokenStream, field: &Field) -> TokenStream {
    if field.told { quote!(#krate::wire::Field) } else { as_field(krate, field) }
}

/// What a field is bound to in a pattern: no name that a user's field could hide.
fn binding(field: &Field) -> Ident {
    format_ident!("field_{}", field.number)
}

/// `{ title: field_1, … }`
pub(super) fn pattern(fields: &[Field]) -> TokenStream {
    let each = sorted(fields).into_iter().map(|field| {
        let (member, binding) = (&field.member, binding(field));
        quote!(#member: #binding)
    });
    quote!({ #(#each),* })
}

/// Writes the fields of `self`.
pub(super) fn write_own(krate: &TokenStream, fields: &[Field]) -> TokenStream {
    write(krate, fields, |field| {
        let member = &field.member;
        quote!(&self.#member)
    })
}

/// Writes the fields that [`pattern`] has bound.
pub(super) fn write_bound(krate: &TokenStream, fields: &[Field]) -> TokenStream {
    write(krate, fields, |field| {
        let binding = binding(field);
        quote!(#binding)
    })
}

fn write(
    krate: &TokenStream,
    fields: &[Field],
    place: impl Fn(&Field) -> TokenStream,
) -> TokenStream {
    let each = sorted(fields).into_iter().map(|field| {
        let (to_call, place, number) = (to_call(krate, field), place(field), number(field.number));
        quote!(#to_call::write_field(#place, #number, out);)
    });
    quote!(#(#each)*)
}

/// `{ title: read, … }`, read from `input`.
pub(super) fn read(krate: &TokenStream, fields: &[Field]) -> TokenStream {
    let each = sorted(fields).into_iter().map(|field| {
        let (member, to_call, number) =
            (&field.member, to_call(krate, field), number(field.number));
        let ty = &field.ty;
        match field.default {
            true => quote_spanned!(ty.span()=> #member: input.field_or_default::<#ty>(#number)?),
            false => quote!(#member: #to_call::read_field(#number, input)?),
        }
    });
    quote!({ #(#each),* })
}

/// The schemas of the fields, made by the function that [`schema_function`] declares.
pub(super) fn schema(krate: &TokenStream, fields: &[Field]) -> TokenStream {
    let each = sorted(fields).into_iter().map(|field| {
        let (as_field, number, name) = (as_field(krate, field), number(field.number), &field.name);
        let or_default = field.default.then(|| quote!(.or_default()));
        quote!(field(#number, #name, #as_field::SHAPE) #or_default)
    });
    quote!(&[#(#each),*])
}

/// A name short enough for a field's schema to take one line of the expansion.
pub(super) fn schema_function(krate: &TokenStream) -> TokenStream {
    quote!(use #krate::wire::field_schema as field;)
}
