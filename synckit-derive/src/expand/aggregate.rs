//! The event enum, the state and the handles around an aggregate.

mod checked;
mod events;
mod ops;
mod state;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::history::{self, OF_AGGREGATE, Subject};
use super::number;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::lock::resolved::Resolved;
use crate::rule::{Operation, Payload};

/// What is generated beside the struct.
pub(crate) fn aggregate(aggregate: &Aggregate<'_>, resolved: &Resolved) -> TokenStream {
    let field = aggregate.fields.iter().map(|field| field.ident);
    let value = quote!(Self { #(#field: state.#field.value(),)* });
    around(aggregate, resolved, &value)
}

/// What stands in for a mistaken aggregate: the types, with the fields that were understood. A
/// value of it is never made.
pub(super) fn inert(aggregate: &Aggregate<'_>, resolved: &Resolved) -> TokenStream {
    around(aggregate, resolved, &quote!(::core::unreachable!()))
}

/// `value` makes the struct of `state`.
fn around(aggregate: &Aggregate<'_>, resolved: &Resolved, value: &TokenStream) -> TokenStream {
    let names = Names::of(aggregate);
    let parts = [
        events::events(aggregate, resolved, &names),
        state::state(aggregate, resolved, &names),
        ops::ops(aggregate, &names),
        checked::checks(aggregate, &names),
        implementation(aggregate, resolved, &names, value),
    ];
    parts.into_iter().collect()
}

/// The generated types.
struct Names {
    event: Ident,
    state: Ident,
    ops: Ident,
}

impl Names {
    fn of(aggregate: &Aggregate<'_>) -> Self {
        let ident = &aggregate.ident;
        Self {
            event: format_ident!("{ident}Event"),
            state: format_ident!("{ident}State"),
            ops: format_ident!("{ident}Ops"),
        }
    }
}

fn implementation(
    aggregate: &Aggregate<'_>,
    resolved: &Resolved,
    names: &Names,
    value: &TokenStream,
) -> TokenStream {
    let Aggregate { ident, krate, fields, .. } = aggregate;
    let Names { event, state, ops } = names;
    let name = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let version = number(resolved.version);
    let field: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let rules = sorted(aggregate, resolved).into_iter().map(|(field, number)| {
        let (name, rule) = (field.name(), field.rule.name);
        let ty = checked::ty(aggregate, field);
        let shape = quote_spanned!(field.ty.span()=> <#ty as #krate::wire::Field>::SHAPE);
        quote!(#krate::aggregate::FieldRule::new(#number, #name, #rule, #shape))
    });
    let lineage = history::lineage(krate, resolved);
    let tracking = history::tracking(&name, resolved);
    let subject = Subject { krate, ident, name: &name, resolved, instead: OF_AGGREGATE };
    let checks = fields.iter().zip(&resolved.members).map(|(field, member)| {
        subject.check(&field.name(), &checked::ty(aggregate, field), &member.demand)
    });
    let handle = fields.iter().map(|field| ops::handle(krate, event, field));
    let create = fields.iter().map(|field| ops::create(aggregate, field));
    quote! {
        #[automatically_derived]
        impl #krate::aggregate::Aggregate for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            const RULES: &'static [#krate::aggregate::FieldRule] = &[#(#rules),*];
            const LINEAGE: #krate::wire::Lineage = #lineage;
            type Event = #event;
            type State = #state;
            type Ops<'a> = #ops<'a>;
            fn created() -> #event { #event::Created }
            fn ops(recorder: &#krate::event::Recorder<#event>) -> #ops<'_> {
                #ops { #(#field: #handle,)* }
            }
            fn create(&self, ops: &mut #ops<'_>) { #(#create)* }
            fn from_state(state: &#state) -> Self { #value }
        }
        #tracking
        #(#checks)*
    }
}

/// What an operation's variant carries, as a type.
fn payload(
    aggregate: &Aggregate<'_>,
    field: &MergedField<'_>,
    operation: &Operation,
) -> TokenStream {
    match operation.payload {
        Payload::Field => field.ty.to_token_stream(),
        Payload::I64 => quote!(i64),
        Payload::Associated(item) => {
            let (krate, ty) = (&aggregate.krate, checked::ty(aggregate, field));
            let (bound, item) = (format_ident!("{}", field.rule.bound), format_ident!("{item}"));
            quote_spanned!(field.ty.span()=> <#ty as #krate::merge::#bound>::#item)
        }
    }
}

/// The fields with their numbers, ascending by these.
fn sorted<'a>(
    aggregate: &'a Aggregate<'a>,
    resolved: &Resolved,
) -> Vec<(&'a MergedField<'a>, Literal)> {
    let mut sorted: Vec<_> = aggregate.fields.iter().zip(&resolved.members).collect();
    sorted.sort_by_key(|(_, member)| member.number);
    sorted.into_iter().map(|(field, member)| (field, number(member.number))).collect()
}
