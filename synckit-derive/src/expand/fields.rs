//! Fields under numbers: what event payloads and messages have in common.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Member;
use syn::spanned::Spanned as _;

use super::number;
use crate::ast::Field;
use crate::attr::coding::Coding;
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

/// The type that is written as a field, where rustc says so when it is none: the field's, or the one
/// that its module makes of it.
fn as_field(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    let ty = &field.ty;
    match &field.coding {
        Coding::With { module, .. } => {
            quote_spanned!(module.span()=> <#module::Value as #krate::wire::Coded>)
        }
        Coding::Own | Coding::Json { .. } => {
            quote_spanned!(ty.span()=> <#ty as #krate::wire::Coded>)
        }
    }
}

/// The type that is written as a field, if that is no JSON.
pub(super) fn coded(field: &Field<'_>) -> Option<TokenStream> {
    let ty = &field.ty;
    match &field.coding {
        Coding::Own => Some(quote!(#ty)),
        Coding::With { module, .. } => Some(quote_spanned!(module.span()=> #module::Value)),
        Coding::Json { .. } => None,
    }
}

/// The field's type as JSON, where rustc says so when serde does not know it.
fn as_json(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    let ty = &field.ty;
    quote_spanned!(ty.span()=> <#ty as #krate::wire::json::JsonValue>)
}

/// The shape of the field.
pub(super) fn shape(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    match &field.coding {
        Coding::Json { name, version } => {
            let version = number(*version);
            quote_spanned!(field.ty.span()=> #krate::wire::json::shape(#name, #version))
        }
        Coding::Own | Coding::With { .. } => {
            let as_field = as_field(krate, field);
            quote_spanned!(field.ty.span()=> #as_field::CODED)
        }
    }
}

/// The trait to call for a value of the field: with the type when rustc is to point there, without
/// where the value tells it.
fn to_call(krate: &TokenStream, field: &Field<'_>) -> TokenStream {
    let is_told = field.told && matches!(field.coding, Coding::Own);
    if is_told { quote!(#krate::wire::Coded) } else { as_field(krate, field) }
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
        let (field, place) = (numbered.field, place(numbered));
        let (to_call, number) = (to_call(krate, field), number(numbered.number));
        match &field.coding {
            Coding::Own => quote!(#to_call::write_coded(#place, #number, out);),
            Coding::Json { .. } => {
                let as_json = as_json(krate, field);
                quote!(#as_json::write_json(#place, #number, out);)
            }
            Coding::With { module, .. } => quote_spanned! {module.span()=>
                #to_call::write_coded(&#module::to_value(#place), #number, out);
            },
        }
    });
    quote!(#(#each)*)
}

/// `{ title: read, … }`, read from `input`.
pub(super) fn read(krate: &TokenStream, fields: &[NumberedField<'_>]) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (field, number) = (numbered.field, number(numbered.number));
        let (member, ty) = (&field.member, field.ty);
        let read = read_one(krate, field, &number);
        match (&field.coding, field.default) {
            (_, false) => quote!(#member: #read?),
            (Coding::Own, true) => {
                quote_spanned!(ty.span()=> #member: input.field_or_default::<#ty>(#number)?)
            }
            (Coding::Json { .. } | Coding::With { .. }, true) => quote_spanned! {ty.span()=>
                #member: input.or_default::<#ty>(#number, |input| #read)?
            },
        }
    });
    quote!({ #(#each),* })
}

/// Reads a field that is there, as a `Result`.
fn read_one(krate: &TokenStream, field: &Field<'_>, number: &Literal) -> TokenStream {
    let to_call = to_call(krate, field);
    match &field.coding {
        Coding::Own => quote!(#to_call::read_coded(#number, input)),
        Coding::Json { .. } => {
            let as_json = as_json(krate, field);
            quote!(#as_json::read_json(#number, input))
        }
        Coding::With { module, .. } => quote_spanned! {module.span()=>
            #to_call::read_coded(#number, input)
                .and_then(|value| #krate::wire::converted(#module::from_value(value)))
        },
    }
}

/// Reads the only field of a tuple, as a `Result`; `None` when there are others.
pub(super) fn read_only(krate: &TokenStream, fields: &[NumberedField<'_>]) -> Option<TokenStream> {
    let [NumberedField { field, number: given }] = fields else { return None };
    let is_plain = matches!(field.member, Member::Unnamed(_)) && !field.default;
    is_plain.then(|| read_one(krate, field, &number(*given)))
}

/// The schemas of the fields, made by the functions that [`schema_functions`] declares.
pub(super) fn schema(krate: &TokenStream, fields: &[NumberedField<'_>]) -> TokenStream {
    let each = fields.iter().map(|numbered| {
        let (field, number) = (numbered.field, number(numbered.number));
        let (shape, name) = (shape(krate, field), &field.name);
        let with = converted(krate, field);
        let or_default = field.default.then(|| quote!(.or_default()));
        if field.generated {
            let ty = field.ty;
            return quote!(of::<#ty>(#number, #name));
        }
        quote!(field(#number, #name, #shape) #or_default #with)
    });
    quote!(&[#(#each),*])
}

/// The module of a field in its schema, and how it reads a value.
fn converted(krate: &TokenStream, field: &Field<'_>) -> Option<TokenStream> {
    let with = field.coding.with()?;
    let read = read_one(krate, field, &number(1));
    Some(quote!(.converted(#with, |value| #krate::wire::shown(value, |input| #read))))
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
