//! The event enum, the state and the handles around an aggregate.

mod checked;
mod events;
mod ops;
mod state;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Index, Member, Type};

use super::number;
use crate::ast::Field;
use crate::ast::aggregate::{Aggregate, MergedField};
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
    let Aggregate { ident, krate, fields, .. } = aggregate;
    let Names { event, state, ops } = names;
    let name = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let version = number(aggregate.version);
    let field: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let field_name = fields.iter().map(MergedField::name);
    let rule = fields.iter().map(|field| field.rule.name);
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
            const RULES: &'static [#krate::aggregate::FieldRule] = &[#(
                #krate::aggregate::FieldRule { field: #field_name, rule: #rule },
            )*];
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
    Field {
        member: Member::Unnamed(Index::from(0)),
        name: "value".to_owned(),
        ty: Type::Verbatim(ty),
        // The variant is declared with the field's own type: it alone does not tell that it is
        // checked.
        told: !matches!(operation.payload, Payload::Field),
        number: 1,
        at: TokenStream::new(),
    }
}

/// Field numbers in order.
fn numbers(fields: &[MergedField]) -> impl Iterator<Item = Literal> {
    (1..=fields.len()).map(Literal::usize_unsuffixed)
}
