//! The event enum, the state and the handles around an aggregate.

mod checked;
mod events;
mod ops;
mod state;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Index, Member, Type};

use super::history::{self, OF_AGGREGATE, Subject};
use super::number;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::ast::{Field, Numbered};
use crate::rule::{Operation, Payload};

/// What is generated beside the struct. An inert expansion stands in for a mistaken aggregate: it
/// has the types and the fields that were understood.
pub(crate) fn aggregate(aggregate: &Aggregate, inert: bool) -> TokenStream {
    let names = Names::of(aggregate);
    let parts = [
        events::events(aggregate, &names),
        state::state(aggregate, &names),
        ops::ops(aggregate, &names),
        checked::checks(aggregate, &names),
        implementation(aggregate, &names, inert),
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
    fn of(aggregate: &Aggregate) -> Self {
        let ident = &aggregate.ident;
        Self {
            event: format_ident!("{ident}Event"),
            state: format_ident!("{ident}State"),
            ops: format_ident!("{ident}Ops"),
        }
    }
}

fn implementation(aggregate: &Aggregate, names: &Names, inert: bool) -> TokenStream {
    let Aggregate { ident, krate, fields, history, .. } = aggregate;
    let Names { event, state, ops } = names;
    let name = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let version = number(history.version);
    let field: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let rules = sorted(fields).into_iter().map(|field| {
        let (name, number, rule) = (field.name(), number(field.number), field.rule.name);
        let ty = checked::ty(aggregate, field);
        let shape = quote_spanned!(field.ty.span()=> <#ty as #krate::wire::Field>::SHAPE);
        quote!(#krate::aggregate::FieldRule::new(#number, #name, #rule, #shape))
    });
    let lineage = history::lineage(krate, history);
    let tracking = history::tracking(&name, history);
    let subject = Subject { krate, ident, name: &name, history, instead: OF_AGGREGATE };
    let checks = fields
        .iter()
        .map(|field| subject.check(&field.name(), &checked::ty(aggregate, field), &field.demand));
    let handle = fields.iter().map(|field| ops::handle(krate, event, field));
    let create = fields.iter().map(|field| ops::create(aggregate, field));
    let from_state = match inert {
        true => quote!(::core::unreachable!()),
        false => quote!(Self { #(#field: state.#field.value(),)* }),
    };
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
            fn from_state(state: &#state) -> Self { #from_state }
        }
        #tracking
        #(#checks)*
    }
}

/// What an operation's variant carries, as a type.
fn payload(aggregate: &Aggregate, field: &MergedField, operation: &Operation) -> TokenStream {
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

/// That as the one field of the variant.
fn payload_field(aggregate: &Aggregate, field: &MergedField, operation: &Operation) -> Field {
    let ty = match operation.payload {
        Payload::Field => checked::ty(aggregate, field),
        Payload::I64 | Payload::Associated(_) => payload(aggregate, field, operation),
    };
    let member = Member::Unnamed(Index::from(0));
    let numbered = Numbered { number: 1, ..Numbered::default() };
    Field {
        // The variant is declared with the field's own type: it alone does not tell that it is
        // checked.
        told: !matches!(operation.payload, Payload::Field),
        ..Field::plain(member, "value".to_owned(), Type::Verbatim(ty), numbered)
    }
}

/// The fields, ascending by number.
fn sorted(fields: &[MergedField]) -> Vec<&MergedField> {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|field| field.number);
    sorted
}
