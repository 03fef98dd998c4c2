//! Inert implementations for mistaken types, so that one mistake is one error and not one more for
//! every use. Nothing else is emitted for such a type.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::result;
use crate::ast::aggregate::Aggregate;
use crate::ast::event::Event;
use crate::ast::value::Value;
use crate::lock::resolved::Resolved;

/// An event type.
pub(crate) fn event(event: &Event<'_>) -> TokenStream {
    if event.body.is_historical() {
        past(&event.krate, event.ident)
    } else {
        of_one_kind(&event.krate, event.ident)
    }
}

/// An aggregate with the fields that were understood; nothing when none was.
pub(crate) fn aggregate(aggregate: &Aggregate<'_>, resolved: &Resolved) -> TokenStream {
    if aggregate.fields.is_empty() {
        return TokenStream::new();
    }
    super::aggregate::inert(aggregate, resolved)
}

/// A value type that writes nothing and reads nothing.
pub(crate) fn value(value: &Value<'_>) -> TokenStream {
    let Value { ident, krate, .. } = value;
    let result = result(krate);
    let unreadable = unreadable(krate);
    quote! {
        #[automatically_derived]
        impl #krate::wire::Message for #ident {
            fn write_fields(&self, _: &mut #krate::wire::Writer) {}
            fn read_fields(_: &mut #krate::wire::Reader<'_>) -> #result { #unreadable }
        }
        #[automatically_derived]
        impl #krate::wire::Value for #ident {
            const WIRE: #krate::wire::WireType = #krate::wire::WireType::Len;
            const SHAPE: #krate::wire::Shape =
                #krate::wire::Shape::Message(#krate::wire::ValueRef::opaque("", 1));
            fn write(&self, _: &mut #krate::wire::Writer) {}
            fn read(_: &mut #krate::wire::Reader<'_>) -> #result { #unreadable }
        }
    }
}

/// An event type of one kind that writes nothing and reads nothing.
fn of_one_kind(krate: &TokenStream, ident: &Ident) -> TokenStream {
    let result = result(krate);
    let unreadable = unreadable(krate);
    quote! {
        #[automatically_derived]
        impl #krate::event::SyncEvent for #ident {
            const KINDS: &'static [#krate::event::EventKind] =
                &[#krate::event::EventKind::new("", 1, &[])];
            fn kind(&self) -> usize { 0 }
            fn write_payload(&self, _: &mut #krate::wire::Writer) {}
            fn read_payload(_: usize, _: &mut #krate::wire::Reader<'_>) -> #result { #unreadable }
        }
    }
}

/// A historical event type that reads nothing.
fn past(krate: &TokenStream, ident: &Ident) -> TokenStream {
    let result = result(krate);
    let unreadable = unreadable(krate);
    quote! {
        #[automatically_derived]
        impl #krate::event::PastEvent for #ident {
            const KIND: #krate::event::EventKind = #krate::event::EventKind::new("", 1, &[]);
            fn read_payload(_: &mut #krate::wire::Reader<'_>) -> #result { #unreadable }
        }
    }
}

fn unreadable(krate: &TokenStream) -> TokenStream {
    quote! {
        ::core::result::Result::Err(#krate::wire::WireError::Invalid { expected: "type" })
    }
}
