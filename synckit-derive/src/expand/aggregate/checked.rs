//! One check, and one error, for a field whose type does not fit its merge rule.
//!
//! Everything around an aggregate needs the type to fit: the event's payload, the state, the
//! handle, and what is derived for them. Left alone, rustc would report an unfit type at each of
//! these places. So the type is checked in one constant, and everything else names the type in a
//! way that depends on the constant, as the items of an array of that length. When the constant has
//! an error, so has every such type, and rustc says nothing more about a type with an error. When
//! it has none, the detour leads to the type itself.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned as _;

use super::Names;
use crate::ast::aggregate::{Aggregate, MergedField};

/// The field's type, provided that it fits the rule.
pub(super) fn ty(aggregate: &Aggregate<'_>, field: &MergedField<'_>) -> TokenStream {
    let Names { state, .. } = Names::of(aggregate);
    let (ty, constant) = (&field.ty, constant(field));
    quote_spanned!(ty.span()=> <[#ty; #state::#constant] as ::core::iter::IntoIterator>::Item)
}

/// The type of a domain event, provided that it is one.
pub(super) fn event(krate: &TokenStream, path: &Path) -> TokenStream {
    let length = quote_spanned!(path.span()=> <#path as #krate::event::SyncEvent>::KINDS.len());
    quote_spanned!(path.span()=> <[#path; #length] as ::core::iter::IntoIterator>::Item)
}

/// The constants that check the types of the fields.
pub(super) fn checks(aggregate: &Aggregate<'_>, names: &Names) -> TokenStream {
    let Aggregate { krate, fields, .. } = aggregate;
    let Names { state, .. } = names;
    let each = fields.iter().map(|field| {
        let (ty, constant, bound) =
            (&field.ty, constant(field), format_ident!("{}", field.rule.bound));
        quote_spanned! {ty.span()=>
            const #constant: usize = {
                const fn fits<F: #krate::merge::#bound>() -> usize { 1 }
                fits::<#ty>()
            };
        }
    });
    quote!(impl #state { #(#each)* })
}

fn constant(field: &MergedField<'_>) -> Ident {
    format_ident!("{}_FITS", field.stem().to_uppercase())
}
