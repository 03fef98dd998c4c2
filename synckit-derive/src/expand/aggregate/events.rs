//! The typed event enum.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::Type;
use synckit_lock::MinReader;

use super::{Names, checked};
use crate::ast::Field;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::ast::event::{Body, Content, Event, Kind, Name, Origin, Variant};
use crate::expand::event::event;
use crate::lock::resolved::Resolved;
use crate::rule::Operation;

/// Declares the enum.
pub(super) fn declaration(aggregate: &Aggregate<'_>, names: &Names) -> TokenStream {
    let Aggregate { ident, vis, krate, .. } = aggregate;
    let name = &names.event;
    let doc = format!(" Events of [`{ident}`].");
    let of_fields = variants(aggregate);
    let variant: Vec<_> = aggregate.events.iter().map(|event| &event.variant).collect();
    let path: Vec<_> = aggregate.events.iter().map(|event| &event.path).collect();
    let docs = path.iter().map(|path| format!(" A domain event: `{}`.", spelled(path)));
    quote! {
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(private_interfaces)]
        #vis enum #name {
            /// The aggregate exists; after a deletion, its life of that number begins.
            Created(#krate::aggregate::LifeNumber),
            /// The aggregate is deleted.
            Deleted,
            #of_fields
            #(#[doc = #docs] #variant(#path),)*
        }
    }
}

/// The variants of the operations on fields.
pub(super) fn variants(aggregate: &Aggregate<'_>) -> TokenStream {
    let each = operations(aggregate).map(|(field, operation)| {
        let variant = field.variant(operation);
        let doc = format!(" {}", operation.doc.replace("{}", &format!("`{}`", field.name())));
        let types = operation.carries.iter().map(|(_, ty)| ty);
        let content = match operation.carries.len() {
            1 => quote!((#(#types),*)),
            _ => {
                let names = operation.carries.iter().map(|(name, _)| format_ident!("{name}"));
                let docs = operation.carries.iter().map(|(name, _)| carried_doc(name));
                quote!({ #(#[doc = #docs] #names: #types),* })
            }
        };
        quote!(#[doc = #doc] #variant #content)
    });
    quote!(#(#each,)*)
}

fn carried_doc(name: &str) -> &'static str {
    match name {
        "value" => " The value of the operation.",
        "agreed" => " The agreed value that the author had seen.",
        "seen" => " The sums that the author had seen.",
        _ => " The entry's key.",
    }
}

fn operations<'a>(
    aggregate: &'a Aggregate<'a>,
) -> impl Iterator<Item = (&'a MergedField<'a>, &'a Operation)> {
    let of_field = |field: &'a MergedField<'a>| field.operations.iter().map(move |op| (field, op));
    aggregate.fields.iter().flat_map(of_field)
}

/// Implements `SyncEvent` as `#[derive(SyncEvent)]` would, and the conversions of domain events.
pub(super) fn implementation(
    aggregate: &Aggregate<'_>,
    resolved: &Resolved,
    names: &Names,
) -> TokenStream {
    let name = &names.event;
    let ident = |variant| Ident::new(variant, name.span());
    let (created, deleted) = (ident("Created"), ident("Deleted"));
    let life = Type::Verbatim(quote!(__Life));
    let idents: Vec<_> =
        operations(aggregate).map(|(field, operation)| field.variant(operation)).collect();
    let types: Vec<Vec<Type>> =
        operations(aggregate).map(|(field, operation)| types(field, operation)).collect();
    let wrapped: Vec<_> =
        aggregate.events.iter().map(|event| Type::Verbatim(event.path.to_token_stream())).collect();
    let number = vec![Field::unnamed("life", &life, true)];
    let of_life = [
        Variant { ident: &created, content: kind(aggregate, "created", true, number) },
        Variant { ident: &deleted, content: kind(aggregate, "deleted", false, Vec::new()) },
    ];
    let of_fields = operations(aggregate).zip(idents.iter().zip(&types));
    let of_fields = of_fields.map(|((field, operation), (ident, types))| {
        let fields = carried(field, operation, types);
        let content = kind(aggregate, &field.event(operation), operation.commutes, fields);
        Variant { ident, content }
    });
    let domain = aggregate.events.iter().zip(&wrapped);
    let domain = domain
        .map(|(event, ty)| Variant { ident: &event.variant, content: Content::Flattened(ty) });
    let variants = of_life.into_iter().chain(of_fields).chain(domain).collect();
    let krate = aggregate.krate.clone();
    let body = Body::Enum { prefix: None, variants };
    let model = Event { ident: name, krate, sync_event: quote!(__Event), body };
    let of_life = [1, 0].map(|fields| resolved.covered(&MinReader::Is(resolved.first), fields));
    let of_fields = aggregate.fields.iter().zip(&resolved.members).flat_map(|(field, member)| {
        let carried = field.operations.iter().map(|operation| operation.carries.len());
        carried.map(|count| resolved.covered(&member.since, count))
    });
    let implementation = event(&model, &of_life.into_iter().chain(of_fields).collect::<Vec<_>>());
    // An event that has retired is read, and nobody emits it.
    let emitted = || aggregate.events.iter().filter(|event| !event.retired);
    let path = emitted().map(|event| &event.path);
    let variant = emitted().map(|event| &event.variant);
    quote! {
        #implementation
        #(
            #[automatically_derived]
            impl ::core::convert::From<#path> for #name {
                fn from(event: #path) -> Self { Self::#variant(event) }
            }
        )*
    }
}

fn kind<'a>(
    aggregate: &Aggregate<'_>,
    event: &str,
    commutes: bool,
    fields: Vec<Field<'a>>,
) -> Content<'a> {
    let prefix = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let text = format!("{prefix}.{event}");
    Content::Kind(Box::new(Kind {
        name: Name { text, origin: Origin::Made, at: TokenStream::new() },
        history: aggregate.history.clone(),
        commutes,
        historical: false,
        upcast: None,
        converts: false,
        fields,
    }))
}

fn types(field: &MergedField<'_>, operation: &Operation) -> Vec<Type> {
    let each = operation.carries.iter();
    each.map(|(_, ty)| Type::Verbatim(checked::gated(field, ty))).collect()
}

fn carried<'a>(
    field: &MergedField<'_>,
    operation: &Operation,
    types: &'a [Type],
) -> Vec<Field<'a>> {
    // A variant declared with the field's own type does not tell that the type is checked.
    let told = !checked::is_gated(field);
    let names = operation.carries.iter().map(|(name, _)| name);
    match types {
        [only] => names.map(|name| Field::unnamed(name, only, told)).collect(),
        several => names.zip(several).map(|(name, ty)| Field::named(name, ty, told)).collect(),
    }
}

fn spelled(path: &syn::Path) -> String {
    let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    segments.join("::")
}
