//! The mergeable state.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::{Names, checked, sorted};
use crate::ast::aggregate::{Aggregate, DomainEvent, MergedField};
use crate::expand::result;
use crate::lock::resolved::Resolved;
use crate::rule::{Fold, Operation};

pub(super) fn state(aggregate: &Aggregate<'_>, resolved: &Resolved, names: &Names) -> TokenStream {
    let Aggregate { ident, vis, krate, fields, .. } = aggregate;
    let name = &names.state;
    let doc = format!(" The mergeable state behind [`{ident}`].");
    let field: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let ty: Vec<_> = fields.iter().map(|field| state_type(aggregate, field)).collect();
    let in_order = sorted(aggregate, resolved);
    let stored: Vec<_> = in_order.iter().map(|(field, _)| field.ident).collect();
    let number: Vec<_> = in_order.iter().map(|(_, number)| number).collect();
    let result = result(krate);
    let merge_state = quote!(#krate::merge::MergeState);
    let folding = folding(aggregate, names);
    quote! {
        #[doc = #doc]
        #[derive(
            ::core::clone::Clone, ::core::fmt::Debug,
            ::core::default::Default, ::core::cmp::PartialEq,
        )]
        #vis struct #name { #(#field: #ty,)* }
        #[automatically_derived]
        impl #krate::wire::Message for #name {
            fn write_fields(&self, out: &mut #krate::wire::Writer) {
                #(#merge_state::write_field(&self.#stored, #number, out);)*
            }
            fn read_fields(input: &mut #krate::wire::Reader<'_>) -> #result {
                ::core::result::Result::Ok(Self {
                    #(#stored: #merge_state::read_field(#number, input)?,)*
                })
            }
        }
        #folding
    }
}

fn state_type(aggregate: &Aggregate<'_>, field: &MergedField<'_>) -> TokenStream {
    let (krate, ty) = (&aggregate.krate, checked::ty(aggregate, field));
    let state = format_ident!("{}", field.rule.state);
    quote!(#krate::merge::#state<#ty>)
}

fn folding(aggregate: &Aggregate<'_>, names: &Names) -> TokenStream {
    let Aggregate { ident, krate, fields, .. } = aggregate;
    let Names { event, state, .. } = names;
    let of_fields = fields.iter().flat_map(|field| {
        field.rule.operations.iter().map(move |operation| fold(event, field, operation))
    });
    let domain = aggregate.events.iter().map(|domain| lower(krate, ident, event, domain));
    quote! {
        #[automatically_derived]
        impl #krate::aggregate::AggregateState for #state {
            type Event = #event;
            fn apply(
                &mut self,
                event: &#event,
                at: &#krate::vector::Stamp<'_>,
                conflicts: &mut #krate::conflict::Conflicts<'_>,
            ) {
                match event {
                    #event::Created => {}
                    #(#of_fields)*
                    #(#domain)*
                }
            }
        }
    }
}

fn fold(event: &Ident, field: &MergedField<'_>, operation: &Operation) -> TokenStream {
    let (ident, name, variant) = (&field.ident, field.name(), field.variant(operation));
    let method = format_ident!("{}", operation.method);
    let arguments = match operation.fold {
        Fold::Value => quote!(value),
        Fold::ValueAt => quote!(value, at),
        Fold::Deciding => quote!(#name, value, at, conflicts),
    };
    quote!(#event::#variant(value) => self.#ident.#method(#arguments),)
}

fn lower(krate: &TokenStream, ident: &Ident, event: &Ident, domain: &DomainEvent) -> TokenStream {
    let DomainEvent { path, variant } = domain;
    let ty = checked::event(krate, path);
    // An aggregate that does not implement `Lower` hears so where it lists the event.
    let mut aggregate = ident.clone();
    aggregate.set_span(path.span());
    let apply = quote_spanned! {path.span()=>
        #krate::aggregate::apply_lowered::<#aggregate, #ty>
    };
    quote!(#event::#variant(event) => #apply(self, event, at, conflicts),)
}
