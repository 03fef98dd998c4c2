//! The handles of the fields in an edit.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{Names, checked};
use crate::ast::aggregate::{Aggregate, MergedField};

pub(super) fn ops(aggregate: &Aggregate<'_>, names: &Names) -> TokenStream {
    let Aggregate { ident, vis, fields, .. } = aggregate;
    let name = &names.ops;
    let doc = format!(" What an edit can do to the fields of [`{ident}`].");
    let each = fields.iter().map(|field| {
        let (ident, ty) = (&field.ident, handle_type(aggregate, &names.event, field));
        let doc = format!(" Edits `{}`.", field.name());
        quote!(#[doc = #doc] #vis #ident: #ty)
    });
    quote! {
        #[doc = #doc]
        #[derive(::core::fmt::Debug)]
        #[allow(private_interfaces)]
        #vis struct #name<'a> { #(#each,)* }
    }
}

fn handle_type(aggregate: &Aggregate<'_>, event: &Ident, field: &MergedField<'_>) -> TokenStream {
    let krate = &aggregate.krate;
    let ops = format_ident!("{}", field.rule.ops);
    let ty = field.rule.ops_are_typed.then(|| checked::ty(aggregate, field)).into_iter();
    quote!(#krate::merge::#ops<'a, #event #(, #ty)*>)
}

/// A handle that records into `recorder`.
pub(super) fn handle(krate: &TokenStream, event: &Ident, field: &MergedField<'_>) -> TokenStream {
    let ops = format_ident!("{}", field.rule.ops);
    let variants = field.rule.operations.iter().map(|operation| field.variant(operation));
    quote!(#krate::merge::#ops::new(recorder, #(#event::#variants),*))
}

/// Records what makes a fresh field this one.
pub(super) fn create(aggregate: &Aggregate<'_>, field: &MergedField<'_>) -> TokenStream {
    let ident = &field.ident;
    // Where the handle knows the field's type, so does its method.
    let ty = (!field.rule.ops_are_typed).then(|| checked::ty(aggregate, field)).into_iter();
    quote!(ops.#ident.create #(::<#ty>)* (&self.#ident);)
}
