//! The typed event enum.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Type;
use synckit_lock::MinReader;

use super::{Names, checked, payload};
use crate::ast::Field;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::ast::event::{Body, Content, Event, Kind, Name, Origin, Variant};
use crate::expand::event::event;
use crate::lock::resolved::Resolved;
use crate::rule::{Operation, Payload};

pub(super) fn events(aggregate: &Aggregate<'_>, resolved: &Resolved, names: &Names) -> TokenStream {
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
    let implementation = implementation(aggregate, resolved, names);
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

fn operations<'a>(
    aggregate: &'a Aggregate<'a>,
) -> impl Iterator<Item = (&'a MergedField<'a>, &'static Operation)> {
    aggregate
        .fields
        .iter()
        .flat_map(|field| field.rule.operations.iter().map(move |operation| (field, operation)))
}

/// The implementation of `SyncEvent` that `#[derive(SyncEvent)]` would have made of the enum. The
/// lock of the aggregate covers its events.
fn implementation(aggregate: &Aggregate<'_>, resolved: &Resolved, names: &Names) -> TokenStream {
    let prefix = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let created = syn::Ident::new("Created", names.event.span());
    let idents: Vec<_> =
        operations(aggregate).map(|(field, operation)| field.variant(operation)).collect();
    let types: Vec<_> = operations(aggregate)
        .map(|(field, operation)| carried(aggregate, field, operation))
        .collect();
    let wrapped: Vec<_> =
        aggregate.events.iter().map(|event| Type::Verbatim(event.path.to_token_stream())).collect();
    let kind = |event: &str, commutes, fields| {
        Content::Kind(Box::new(Kind {
            name: Name {
                text: format!("{prefix}.{event}"),
                origin: Origin::Made,
                at: TokenStream::new(),
            },
            history: aggregate.history.clone(),
            commutes,
            historical: false,
            upcast: None,
            converts: false,
            fields,
        }))
    };
    let first = Variant { ident: &created, content: kind("created", true, Vec::new()) };
    let of_fields = operations(aggregate).zip(idents.iter().zip(&types));
    let of_fields = of_fields.map(|((field, operation), (ident, ty))| {
        // The variant is declared with the field's own type: it alone does not tell that it is
        // checked.
        let told = !matches!(operation.payload, Payload::Field);
        let fields = vec![Field::generated(ty, told)];
        Variant { ident, content: kind(&field.event(operation), operation.commutes, fields) }
    });
    let domain = aggregate.events.iter().zip(&wrapped);
    let domain = domain
        .map(|(event, ty)| Variant { ident: &event.variant, content: Content::Flattened(ty) });
    let variants = std::iter::once(first).chain(of_fields).chain(domain).collect();
    let krate = aggregate.krate.clone();
    let model = Event { ident: &names.event, krate, body: Body::Enum { prefix: None, variants } };
    let created = resolved.covered(&MinReader::Is(resolved.first), 0);
    let of_fields = aggregate.fields.iter().zip(&resolved.members).flat_map(|(field, member)| {
        field.rule.operations.iter().map(|_| resolved.covered(&member.since, 1))
    });
    event(&model, &std::iter::once(created).chain(of_fields).collect::<Vec<_>>())
}

/// What an operation's variant carries, provided that it fits the rule.
fn carried(aggregate: &Aggregate<'_>, field: &MergedField<'_>, operation: &Operation) -> Type {
    Type::Verbatim(match operation.payload {
        Payload::Field => checked::ty(aggregate, field),
        Payload::I64 | Payload::Associated(_) => payload(aggregate, field, operation),
    })
}

fn spelled(path: &syn::Path) -> String {
    let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    segments.join("::")
}
