//! Fields under numbers: what event payloads and messages have in common.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::number;
use crate::ast::Field;
use crate::lock::resolved::Member;

/// A field with the number that it has.
#[derive(Clone, Copy)]
pub(super) struct Numbered<'a> {
    field: &'a Field<'a>,
    number: u32,
}

/// The fields, ascending by number.
pub(super) fn numbered<'a>(fields: &'a [Field<'a>], members: &[Member]) -> Vec<Numbered<'a>> {
    let each = fields.iter().zip(members);
    let mut numbered: Vec<_> =
        each.map(|(field, member)| Numbered { field, number: member.number }).collect();
    numbered.sort_by_key(|numbered| numbered.number);
    numbered
}

/// The field's type as a `Field`, where rustc says so when it is none.
fn as_field(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    let ty = &field.ty;
    quote_spanned!(ty.span()=> <#ty as #krate::wire::Field>)
}

/// The trait to call for a value of the field: with the type when rustc is to point there, without
/// where the value tells it.
fn to_call(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    if field.told { quote!(#krate::wire::Field) } else { as_field(krate, field) }
}

/// What a field is bound to in a pattern: no name that a user's field could hide.
fn binding(number: u32) -> Ident {
    format_ident!("field_{number}")
}

/// `{ title: field_1, … }`
pub(super) fn pattern(fields: &[Numbered<'_>]) -> TokenStream {
    let each = fields.iter().map(|Numbered { field, number }| {
        let (member, binding) = (&field.member, binding(*number));
        quote!(#member: #binding)
    });
    quote!({ #(#each),* })
}

/// Writes the fields of `self`.
pub(super) fn write_own(krate: &TokenStream, fields: &[Numbered<'_>]) -> TokenStream {
    write(krate, fields, |numbered| {
        let member = &numbered.field.member;
        quote!(&self.#member)
    })
}

/// Writes the fields that [`pattern`] has bound.
pub(super) fn write_bound(krate: &TokenStream, fields: &[Numbered<'_>]) -> TokenStream {
    write(krate, fields, |numbered| {
        let binding = binding(numbered.number);
        quote!(#binding)
    })
}

fn write(
    krate: &TokenStream,
    fields: &[Numbered<'_>],
    place: impl Fn(&Numbered<'_>) -> TokenStream,
) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (to_call, place) = (to_call(krate, numbered.field), place(numbered));
        let number = number(numbered.number);
        quote!(#to_call::write_field(#place, #number, out);)
    });
    quote!(#(#each)*)
}

/// `{ title: read, … }`, read from `input`.
pub(super) fn read(krate: &TokenStream, fields: &[Numbered<'_>]) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (field, number) = (numbered.field, number(numbered.number));
        let (member, ty) = (&field.member, field.ty);
        if field.default {
            quote_spanned!(ty.span()=> #member: input.field_or_default::<#ty>(#number)?)
        } else {
            let to_call = to_call(krate, field);
            quote!(#member: #to_call::read_field(#number, input)?)
        }
    });
    quote!({ #(#each),* })
}

/// The schemas of the fields, made by the function that [`schema_function`] declares.
pub(super) fn schema(krate: &TokenStream, fields: &[Numbered<'_>]) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (field, number) = (numbered.field, number(numbered.number));
        let (as_field, name) = (as_field(krate, field), &field.name);
        let or_default = field.default.then(|| quote!(.or_default()));
        quote!(field(#number, #name, #as_field::SHAPE) #or_default)
    });
    quote!(&[#(#each),*])
}

/// A name short enough for a field's schema to take one line of the expansion.
pub(super) fn schema_function(krate: &TokenStream) -> TokenStream {
    quote!(use #krate::wire::field_schema as field;)
}
