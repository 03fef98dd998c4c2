//! Types that stand for the functions of `resolve` fields.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::ast::aggregate::{Aggregate, MergedField};
use crate::rule::Rule;

/// Declares them beside the handles, whose types name them.
pub(super) fn declarations(aggregate: &Aggregate<'_>) -> TokenStream {
    let vis = aggregate.vis;
    let each = resolved(aggregate).map(|(field, resolver, _)| {
        let doc = format!(" Says what concurrent writes of `{}` show.", field.name());
        quote! {
            #[doc = #doc]
            #[doc(hidden)]
            #[derive(::core::fmt::Debug)]
            #vis enum #resolver {}
        }
    });
    each.collect()
}

/// Has them call the functions.
pub(super) fn implementations(aggregate: &Aggregate<'_>) -> TokenStream {
    let merged = resolved(aggregate).filter(|(field, ..)| field.refused.is_none());
    let each = merged.map(|(field, resolver, function)| {
        // The check of the type needs this implementation, so it does not depend on the check.
        let ty = field.ty;
        let call = quote_spanned!(function.span()=> #function(heads));
        quote! {
            impl __merge::Resolver<#ty> for #resolver {
                fn resolve(heads: &[__merge::Head<#ty>]) -> #ty { #call }
            }
        }
    });
    each.collect()
}

fn resolved<'a>(
    aggregate: &'a Aggregate<'a>,
) -> impl Iterator<Item = (&'a MergedField<'a>, &'a syn::Ident, &'a syn::Path)> {
    aggregate.fields.iter().filter_map(|field| match &field.rule {
        Rule::Resolve { function, resolver } => Some((field, resolver.as_ref()?, function)),
        Rule::Plain(_) | Rule::Map(_) | Rule::Custom(_) => None,
    })
}
