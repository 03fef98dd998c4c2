//! One check, and one error, for a field whose type does not fit its merge rule.
//!
//! A type whose spelling tells that it fits or does not fit is dealt with by
//! [`rule`](crate::rule). Every other type is checked in one constant, and everything else names it
//! in a way that depends on the constant, as the items of an array of that length. When the
//! constant has an error, so has every such type, and rustc says nothing more about a type with an
//! error. When it has none, the detour leads to the type itself.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned as _;

use super::marker;
use crate::ast::aggregate::{Aggregate, DomainEvent, MergedField};
use crate::case::camel;
use crate::rule::{Nested, Rule};

/// True when only rustc can tell that the type fits.
pub(super) fn is_gated(field: &MergedField<'_>) -> bool {
    field.refused.is_none() && !field.rule.surely_fits(field.ty)
}

/// A type that stands for a field, provided that the field's type fits.
pub(super) fn gated(field: &MergedField<'_>, ty: &impl ToTokens) -> TokenStream {
    if let Rule::Fields(check) = &field.rule {
        return quote_spanned!(field.ty.span()=> __merge::Fitting<#ty, #check>);
    }
    if !is_gated(field) {
        return ty.to_token_stream();
    }
    let gate = gate(field);
    quote_spanned!(field.ty.span()=> #gate<#ty>)
}

/// The constants that check types, and the gates that depend on them.
pub(super) fn gates(aggregate: &Aggregate<'_>) -> TokenStream {
    let gates = aggregate.fields.iter().filter(|field| is_gated(field)).map(|field| {
        let (ty, marker, gate) = (field.ty, marker(field), gate(field));
        let custom = field.rule.custom();
        let span = custom.map_or_else(|| ty.span(), |path| path.span());
        let mut fits = quote_spanned!(span=> __merge::fits::<#ty, #marker>());
        if let (Some(path), Some(entries)) = (custom, field.rule.entries(ty)) {
            let of_entries = quote_spanned!(span=> __merge::fits_entries::<#entries, #path>());
            let fitting = quote_spanned!(span=> __merge::Fitting<#ty, { #of_entries }>);
            fits = quote_spanned!(span=> __merge::fits::<#fitting, #marker>());
        }
        if let Some(Nested { check, .. }) = field.rule.nested(ty) {
            // The struct has a check of its own, and rustc says nothing more about one that fails.
            let fitting = quote_spanned!(span=> __merge::Fitting<#ty, #check>);
            fits = quote_spanned!(span=> __merge::fits::<#fitting, #marker>());
        }
        if field.rule.must_be_spelt(ty) {
            let fitting = quote_spanned!(span=> __merge::Fitting<#ty, { #fits }>);
            fits = quote_spanned!(span=> __merge::fits_spelt::<#fitting>());
        }
        let constant = format_ident!("__{}", field.stem().to_uppercase());
        quote_spanned! {span=>
            const #constant: usize = #fits;
            type #gate<T> = __merge::Fitting<T, #constant>;
        }
    });
    quote!(#(#gates)*)
}

fn gate(field: &MergedField<'_>) -> Ident {
    format_ident!("__{}", camel(&field.name()))
}

/// The lowering of a domain event.
pub(super) fn lower(aggregate: &Aggregate<'_>, event: &Ident, domain: &DomainEvent) -> TokenStream {
    let DomainEvent { path, variant, .. } = domain;
    let ty = domain_event(path);
    // An aggregate that does not implement `Lower` hears so where it lists the event.
    let mut ident = aggregate.ident.clone();
    ident.set_span(path.span());
    let lower = quote_spanned!(path.span()=> lower::<#ident, #ty>);
    quote!(#event::#variant(event) => fold.#lower(&event),)
}

/// The type of a domain event, provided that it is one.
fn domain_event(path: &Path) -> TokenStream {
    let length = quote_spanned!(path.span()=> <#path as __Event>::KINDS.len());
    quote_spanned!(path.span()=> <[#path; #length] as ::core::iter::IntoIterator>::Item)
}
