//! Expansion of `#[derive(SyncMerge)]`: a struct in a field of an aggregate.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Names, Tabled, checked, events, functions, ops, table};
use crate::ast::aggregate::Aggregate;
use crate::lock::resolved::Resolved;

/// Expands everything beside the struct. `value` stands in `#[value(…)]` of its operations.
pub(crate) fn nested(
    aggregate: &Aggregate<'_>,
    resolved: &Resolved,
    value: &TokenStream,
) -> TokenStream {
    let Aggregate { ident, vis, krate, .. } = aggregate;
    let value = (!value.is_empty()).then(|| quote!(#[value(#value)]));
    let names = Names::of(aggregate);
    let fields = Tabled::of(aggregate, resolved);
    let Names { event: op, ops, .. } = &names;
    let doc = format!(" Operations on the fields of [`{ident}`].");
    let (variants, handles) = (events::variants(aggregate), ops::ops(aggregate, &names));
    let (stand_ins, functions) =
        (functions::declarations(aggregate), functions::implementations(aggregate));
    let (gates, table) = (checked::gates(aggregate), table(&fields));
    let constructor = ops::constructor(aggregate, &names, &fields, &quote!(__merge::Rooted<'_>));
    let made = fields.iter().map(|field| field.event(op));
    let applied = fields.iter().map(|field| field.apply(op));
    let created = fields.iter().map(|field| field.created());
    let shown = fields.iter().map(|field| field.shown());
    // A refused field has an error of its own, and no value.
    let refused = aggregate.fields.iter().filter(|field| field.refused.is_some());
    let refused: Vec<_> = refused.map(|field| field.ident).collect();
    let quiet = (!refused.is_empty()).then(|| quote!(#[allow(unreachable_code)]));
    quote! {
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq, #krate::SyncValue)]
        #value
        #[allow(private_interfaces)]
        #vis enum #op { #variants }
        #handles
        #stand_ins
        #quiet
        const _: () = {
            use #krate::merge as __merge;
            #gates
            #functions
            #constructor
            #[automatically_derived]
            impl __merge::Merged for #ident {
                const FIELDS: &'static [&'static dyn __merge::AnyField] = &[#table];
                type Op = #op;
                type Handles<'a, M> = #ops<'a, M>;
                fn handles<M>(root: __merge::Rooted<'_>) -> #ops<'_, M> { __handles(root) }
                fn op(taken: &mut __merge::Taken<'_>) -> ::core::option::Option<#op> {
                    ::core::option::Option::Some(match taken.field() {
                        #(#made)*
                        _ => return ::core::option::Option::None,
                    })
                }
                fn apply(op: #op, fold: &mut __merge::Folds<'_>) {
                    match op { #(#applied)* }
                }
                fn create(&self, creation: &__merge::Creation<'_>) { #(#created)* }
                fn from_fields(fields: &__merge::MergedState<Self>) -> Self {
                    Self { #(#shown,)* #(#refused: ::core::unreachable!(),)* }
                }
            }
        };
    }
}
