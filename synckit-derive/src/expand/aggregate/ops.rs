//! The handles of the fields.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::{Names, Tabled};
use crate::ast::aggregate::{Aggregate, MergedField};

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
    let debug = (!is_refused).then(|| quote!(#[derive(::core::fmt::Debug)]));
    quote! {
        #[doc = #doc]
        #debug
        #[allow(dead_code, private_interfaces)]
        #vis struct #name<'a, M = #krate::merge::Writes> { #(#each,)* }
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
) -> TokenStream {
    let ops = &names.ops;
    let each = fields.iter().map(|field| {
        let (ident, place) = (field.field.ident, &field.place);
        quote!(#ident: __merge::Handle::new(root, #place))
    });
    let refused = aggregate.fields.iter().filter(|field| field.refused.is_some());
    let refused = refused.map(|field| {
        let ident = field.ident;
        quote!(#ident: ::core::unreachable!())
    });
    quote! {
        fn __handles<M>(root: &dyn __merge::Root) -> #ops<'_, M> {
            #ops { #(#each,)* #(#refused,)* }
        }
    }
}
