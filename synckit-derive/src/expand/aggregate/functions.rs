//! Types that stand for the functions of `resolve` and `with` fields.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned as _;

use crate::ast::aggregate::{Aggregate, MergedField};
use crate::rule::{Does, Function};

/// Declares them beside the handles, whose types name them.
pub(super) fn declarations(aggregate: &Aggregate<'_>) -> TokenStream {
    let vis = aggregate.vis;
    let each = merged(aggregate).map(|(field, function, _)| {
        let (name, stand_in) = (field.name(), &function.stand_in);
        let doc = match function.does {
            Does::Resolve => format!(" Says what concurrent writes of `{name}` show."),
            Does::Join { .. } => format!(" Joins values of `{name}`."),
        };
        quote! {
            #[doc = #doc]
            #[doc(hidden)]
            #[derive(::core::fmt::Debug)]
            #vis enum #stand_in {}
        }
    });
    each.collect()
}

/// Has them call the functions.
pub(super) fn implementations(aggregate: &Aggregate<'_>) -> TokenStream {
    let merged = merged(aggregate).filter(|(field, ..)| field.refused.is_none());
    // The check of the type needs this implementation, so it does not depend on the check.
    let each = merged.map(|(_, function, ty)| {
        let Function { path, stand_in, does } = function;
        match does {
            Does::Resolve => {
                let call = quote_spanned!(path.span()=> #path(heads));
                quote! {
                    impl __merge::Resolver<#ty> for #stand_in {
                        fn resolve(heads: &[__merge::Head<#ty>]) -> #ty { #call }
                    }
                }
            }
            Does::Join { revision } => {
                let (name, revision) = (function.spelled(), Literal::u32_unsuffixed(*revision));
                let join = quote_spanned!(path.span()=> #path);
                quote! {
                    impl __merge::Joiner for #stand_in {
                        type Value = #ty;
                        const LAW: __merge::Law = __merge::Law::with(#name, #revision);
                        fn join(one: #ty, other: #ty) -> #ty {
                            let join: fn(#ty, #ty) -> #ty = #join;
                            join(one, other)
                        }
                    }
                }
            }
        }
    });
    each.collect()
}

fn merged<'a>(
    aggregate: &'a Aggregate<'a>,
) -> impl Iterator<Item = (&'a MergedField<'a>, &'a Function, &'a Type)> {
    aggregate.fields.iter().filter_map(|field| {
        let (function, ty) = field.rule.function(field.ty)?;
        Some((field, function, ty))
    })
}
