//! Fields under numbers: what event payloads and messages have in common.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Member;
use syn::spanned::Spanned as _;

use super::number;
use crate::ast::Field;
use crate::lock::resolved;

/// A field with the number that it has.
#[derive(Clone, Copy)]
pub(super) struct NumberedField<'a> {
    field: &'a Field<'a>,
    number: u32,
}

/// The fields, ascending by number.
pub(super) fn numbered<'a>(
    fields: &'a [Field<'a>],
    members: &[resolved::Member],
) -> Vec<NumberedField<'a>> {
    let mut numbered = declared(fields, members);
    numbered.sort_by_key(|numbered| numbered.number);
    numbered
}

/// The fields in the order of declaration, by which values are compared.
pub(super) fn declared<'a>(
    fields: &'a [Field<'a>],
    members: &[resolved::Member],
) -> Vec<NumberedField<'a>> {
    let each = fields.iter().zip(members);
    each.map(|(field, member)| NumberedField { field, number: member.number }).collect()
}

/// The field's type as a `Field`, where rustc says so when it is none.
fn as_field(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    let ty = &field.ty;
    quote_spanned!(ty.span()=> <#ty as #krate::wire::Coded>)
}

/// The trait to call for a value of the field: with the type when rustc is to point there, without
/// where the value tells it.
fn to_call(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    if field.told { quote!(#krate::wire::Coded) } else { as_field(krate, field) }
}

/// The name that a field is bound to in a pattern: none that a user's field could hide.
fn binding(number: u32) -> Ident {
    format_ident!("field_{number}")
}

/// `{ title: field_1, … }`
pub(super) fn pattern(fields: &[NumberedField<'_>]) -> TokenStream {
    let each = fields.iter().map(|NumberedField { field, number }| {
        let (member, binding) = (&field.member, binding(*number));
        quote!(#member: #binding)
    });
    quote!({ #(#each),* })
}

/// Writes the fields of `self`.
pub(super) fn write_own(krate: &TokenStream, fields: &[NumberedField<'_>]) -> TokenStream {
    write(krate, fields, |numbered| {
        let member = &numbered.field.member;
        quote!(&self.#member)
    })
}

/// Writes the fields that [`pattern`] has bound.
pub(super) fn write_bound(krate: &TokenStream, fields: &[NumberedField<'_>]) -> TokenStream {
    write(krate, fields, |numbered| {
        let binding = binding(numbered.number);
        quote!(#binding)
    })
}

fn write(
    krate: &TokenStream,
    fields: &[NumberedField<'_>],
    place: impl Fn(&NumberedField<'_>) -> TokenStream,
) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (to_call, place) = (to_call(krate, numbered.field), place(numbered));
        let number = number(numbered.number);
        quote!(#to_call::write_coded(#place, #number, out);)
    });
    quote!(#(#each)*)
}

/// `{ title: read, … }`, read from `input`.
pub(super) fn read(krate: &TokenStream, fields: &[NumberedField<'_>]) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (field, number) = (numbered.field, number(numbered.number));
        let (member, ty) = (&field.member, field.ty);
        if field.default {
            quote_spanned!(ty.span()=> #member: input.field_or_default::<#ty>(#number)?)
        } else {
            let to_call = to_call(krate, field);
            quote!(#member: #to_call::read_coded(#number, input)?)
        }
    });
    quote!({ #(#each),* })
}

/// Reads the only field of a tuple, as a `Result`; `None` when there are others.
pub(super) fn read_only(krate: &TokenStream, fields: &[NumberedField<'_>]) -> Option<TokenStream> {
    let [NumberedField { field, number: given }] = fields else { return None };
    let is_plain = matches!(field.member, Member::Unnamed(_)) && !field.default;
    let (to_call, number) = (to_call(krate, field), number(*given));
    is_plain.then(|| quote!(#to_call::read_coded(#number, input)))
}

/// The schemas of the fields, made by the functions that [`schema_functions`] declares.
pub(super) fn schema(krate: &TokenStream, fields: &[NumberedField<'_>]) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (field, number) = (numbered.field, number(numbered.number));
        let (as_field, name) = (as_field(krate, field), &field.name);
        let or_default = field.default.then(|| quote!(.or_default()));
        if field.generated {
            let ty = field.ty;
            return quote!(of::<#ty>(#number, #name));
        }
        quote!(field(#number, #name, #as_field::CODED) #or_default)
    });
    quote!(&[#(#each),*])
}

/// Names short enough for a field's schema to take one line of the expansion.
pub(super) fn schema_functions<'a>(
    krate: &TokenStream,
    fields: impl IntoIterator<Item = &'a Field<'a>>,
) -> TokenStream {
    let (generated, written): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| field.generated);
    let field = (!written.is_empty()).then(|| schema_function(krate));
    let of = (!generated.is_empty()).then(|| {
        quote! {
            use #krate::event::kind;
            use #krate::wire::field_schema_of as of;
        }
    });
    quote!(#field #of)
}

/// A name short enough for the schema of a field that was written out.
pub(super) fn schema_function(krate: &TokenStream) -> TokenStream {
    quote!(use #krate::wire::field_schema as field;)
}
