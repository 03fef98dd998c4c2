//! The typed event enum.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Type;

use super::{Names, payload, payload_field};
use crate::ast::History;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::ast::event::{Body, Content, Event, Kind, Name, Origin, Variant};
use crate::expand::event::event;
use crate::lock::diff::MinReader;
use crate::rule::Operation;

pub(super) fn events(aggregate: &Aggregate, names: &Names) -> TokenStream {
    let Aggregate { ident, vis, .. } = aggregate;
    let name = &names.event;
    let doc = format!(" What can happen to [`{ident}`].");
    let of_fields = operations(aggregate).map(|(field, operation)| {
        let (variant, payload) = (field.variant(operation), payload(aggregate, field, operation));
        let doc = format!(" {}", operation.doc.replace("{}", &field.name()));
        quote!(#[doc = #doc] #variant(#payload))
    });
    let variant: Vec<_> = aggregate.events.iter().map(|event| &event.variant).collect();
    let path: Vec<_> = aggregate.events.iter().map(|event| &event.path).collect();
    let docs = path.iter().map(|path| format!(" A domain event: `{}`.", spelled(path)));
    let implementation = event(&model(aggregate, names));
    quote! {
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(private_interfaces)]
        #vis enum #name {
            /// The aggregate exists.
            Created,
            #(#of_fields,)*
            #(#[doc = #docs] #variant(#path),)*
        }
        #implementation
        #(
            #[automatically_derived]
            impl ::core::convert::From<#path> for #name {
                fn from(event: #path) -> Self { Self::#variant(event) }
            }
        )*
    }
}

fn operations(aggregate: &Aggregate) -> impl Iterator<Item = (&MergedField, &'static Operation)> {
    aggregate
        .fields
        .iter()
        .flat_map(|field| field.rule.operations.iter().map(move |operation| (field, operation)))
}

/// The enum as `#[derive(SyncEvent)]` would have understood it.
fn model(aggregate: &Aggregate, names: &Names) -> Event {
    let prefix = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let kind = |event: &str, commutes, since: &MinReader, fields| {
        let text = format!("{prefix}.{event}");
        let name = Name { text, origin: Origin::Made, at: TokenStream::new() };
        // The lock of the aggregate covers its events.
        let history =
            History { package: None, min_reader: since.clone(), ..aggregate.history.clone() };
        Content::Kind(Box::new(Kind {
            name,
            history,
            commutes,
            historical: false,
            upcast: None,
            converts: false,
            fields,
        }))
    };
    let first = MinReader::Is(aggregate.since);
    let created = Variant {
        ident: syn::Ident::new("Created", names.event.span()),
        content: kind("created", true, &first, Vec::new()),
    };
    let of_fields = operations(aggregate).map(|(field, operation)| {
        let payload = payload_field(aggregate, field, operation);
        Variant {
            ident: field.variant(operation),
            content: kind(&field.event(operation), operation.commutes, &field.since, vec![payload]),
        }
    });
    let domain = aggregate.events.iter().map(|event| Variant {
        ident: event.variant.clone(),
        content: Content::Flattened(Box::new(Type::Verbatim(event.path.to_token_stream()))),
    });
    let variants = std::iter::once(created).chain(of_fields).chain(domain).collect();
    Event {
        ident: names.event.clone(),
        krate: aggregate.krate.clone(),
        body: Body::Enum { prefix: None, variants },
    }
}

fn spelled(path: &syn::Path) -> String {
    let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    segments.join("::")
}
