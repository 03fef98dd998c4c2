//! The handles of the fields.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use super::{Names, Tabled, checked};
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::expand::standing_at;
use crate::rule::{Nested, Rule};

/// Declares the handles.
pub(super) fn ops(aggregate: &Aggregate<'_>, names: &Names) -> TokenStream {
    let Aggregate { ident, vis, krate, fields, .. } = aggregate;
    let name = &names.ops;
    let doc = format!(" The fields of [`{ident}`] in an edit.");
    let each = fields.iter().map(|field| {
        let (ident, ty) = (field.ident, handle(aggregate, field));
        let doc = format!(" Edits `{}`.", field.name());
        quote!(#[doc = #doc] #vis #ident: #ty)
    });
    // `derive` goes over no type with a macro in it, which a refused field has.
    let is_refused = fields.iter().any(|field| field.refused.is_some());
    // What a struct's handles are is known to its own macro alone.
    let is_nested = fields.iter().any(|field| matches!(field.rule, Rule::Fields(_)));
    let derived = (!is_refused && !is_nested).then(|| quote!(#[derive(::core::fmt::Debug)]));
    let checks = fields.iter().filter(|field| field.refused.is_none()).filter_map(|field| {
        let Nested { check, ty, is_entry } = field.rule.nested(field.ty)?;
        let fits = if is_entry {
            quote!(#krate::merge::fits_entries_of_fields::<#ty>())
        } else {
            quote!(#krate::merge::fits::<#ty, #krate::merge::PerField>())
        };
        let fits = standing_at(ty.span(), fits);
        Some(quote_spanned!(ty.span()=> #[doc(hidden)] const #check: usize = #fits;))
    });
    let shown = ident.unraw().to_string();
    let debug = (!is_refused && is_nested).then(|| {
        quote! {
            impl<M> ::core::fmt::Debug for #name<'_, M> {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct(#shown).finish_non_exhaustive()
                }
            }
        }
    });
    quote! {
        #(#checks)*
        #[doc = #doc]
        #derived
        #[allow(dead_code, private_interfaces)]
        #vis struct #name<'a, M = #krate::merge::Writes> { #(#each,)* }
        #debug
    }
}

/// Declares the enum whose variants stand for the fields.
pub(super) fn keys(aggregate: &Aggregate<'_>, names: &Names) -> TokenStream {
    let Aggregate { ident, vis, fields, .. } = aggregate;
    let name = &names.field;
    let doc = format!(" The fields of [`{ident}`], by name.");
    let each = fields.iter().map(|field| field.key());
    quote! {
        #[doc = #doc]
        #[derive(
            ::core::clone::Clone, ::core::marker::Copy, ::core::cmp::PartialEq, ::core::cmp::Eq,
            ::core::fmt::Debug
        )]
        #[allow(dead_code, missing_docs)]
        #vis enum #name { #(#each,)* }
    }
}

fn handle(aggregate: &Aggregate<'_>, field: &MergedField<'_>) -> TokenStream {
    let (krate, ty) = (&aggregate.krate, field.ty);
    let marker = field.rule.marker(&quote!(#krate::merge), ty);
    if let (None, Rule::Fields(check)) = (&field.refused, &field.rule) {
        let fitting = quote_spanned!(ty.span()=> #krate::merge::Fitting<#ty, #check>);
        return quote_spanned!(ty.span()=> <#fitting as #krate::merge::Merged>::Handles<'a, M>);
    }
    // An array whose length is an error is a type about whose uses rustc says nothing.
    let ty = match &field.refused {
        Some(message) => quote_spanned!(ty.span()=> [(); { ::core::compile_error!(#message) }]),
        None => quote!(#ty),
    };
    quote!(#krate::merge::Handle<'a, #ty, #marker, M>)
}

/// Makes the handles, for lowerings and for edits.
pub(super) fn constructor(
    aggregate: &Aggregate<'_>,
    names: &Names,
    fields: &[Tabled<'_>],
    root: &TokenStream,
) -> TokenStream {
    let ops = &names.ops;
    let each = fields.iter().map(|field| {
        let (ident, place) = (field.field.ident, &field.place);
        if matches!(field.field.rule, Rule::Fields(_)) {
            let ty = checked::gated(field.field, field.field.ty);
            return quote!(#ident: <#ty as __merge::Merged>::handles(root.within::<#ty>(#place)));
        }
        quote!(#ident: __merge::Handle::new(&root, #place))
    });
    let refused = aggregate.fields.iter().filter(|field| field.refused.is_some());
    let refused = refused.map(|field| {
        let ident = field.ident;
        quote!(#ident: ::core::unreachable!())
    });
    quote! {
        fn __handles<M>(root: #root) -> #ops<'_, M> {
            let root = <__merge::Rooted<'_> as ::core::convert::From<_>>::from(root);
            #ops { #(#each,)* #(#refused,)* }
        }
    }
}
