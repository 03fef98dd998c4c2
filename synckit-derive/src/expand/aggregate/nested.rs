//! Expansion of `#[derive(SyncMerge)]`: a struct in a field of an aggregate.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Names, Tabled, checked, events, functions, ops, sorted};
use crate::ast::aggregate::Aggregate;
use crate::lock::resolved::Resolved;
use crate::rule::{Nested, Rule};

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
    let (gates, table) = (checked::gates(aggregate), nested_table(&fields));
    let constructor = ops::constructor(aggregate, &names, &fields, &quote!(__merge::Rooted<'_>));
    let in_entries = in_entries(&fields);
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
                const IN_ENTRIES: bool = #in_entries;
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

/// The entries of the table of fields, each of which can be reset where its rule can.
fn nested_table(fields: &[Tabled<'_>]) -> TokenStream {
    let entries = sorted(fields).into_iter().map(|field| {
        let entry = field.entry();
        let in_entries = (!is_of_own_rule(field)).then(|| quote!(.in_entries()));
        quote!(#entry #in_entries)
    });
    quote!(#(#entries),*)
}

/// True if all fields can be reset, as an expression.
fn in_entries(fields: &[Tabled<'_>]) -> TokenStream {
    if fields.iter().any(is_of_own_rule) {
        return quote!(false);
    }
    let nested = fields.iter().filter_map(|field| field.field.rule.nested(field.field.ty));
    let nested = nested.map(|Nested { ty, .. }| quote!(&& <#ty as __merge::Merged>::IN_ENTRIES));
    quote!(true #(#nested)*)
}

fn is_of_own_rule(field: &Tabled<'_>) -> bool {
    matches!(field.field.rule, Rule::Custom(_))
}
