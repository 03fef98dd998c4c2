//! `SyncEvent` for event types.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned as _;

use super::{fields, number, result, text};
use crate::ast::event::{Body, Content, Event, Kind, Variant};

/// What the implementation of `SyncEvent` is made of.
struct Parts {
    /// The kinds, in order.
    kinds: Vec<TokenStream>,
    /// The kinds' fields.
    fields: usize,
    kind: TokenStream,
    write: TokenStream,
    read: TokenStream,
}

pub(crate) fn event(event: &Event) -> TokenStream {
    let Event { ident, krate, body } = event;
    let no_such_kind = no_such_kind(krate, &text(ident));
    let Parts { kinds, fields, kind, write, read } = match body {
        Body::Struct(kind) => of_struct(krate, kind, &no_such_kind),
        Body::Enum { variants, .. } => of_enum(krate, variants, &no_such_kind),
        Body::Union => return TokenStream::new(),
    };
    let kinds = match fields {
        0 => quote!(&[#(#kinds),*]),
        _ => {
            let schema_function = fields::schema_function(krate);
            quote!({ #schema_function &[#(#kinds),*] })
        }
    };
    let result = result(krate);
    let evaluation = body.flattens().then(|| evaluation(krate, ident));
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::event::SyncEvent for #ident {
            const KINDS: &'static [#krate::event::EventKind] = #kinds;
            fn kind(&self) -> usize { #kind }
            fn write_payload(&self, out: &mut #krate::wire::Writer) { #write }
            fn read_payload(kind: usize, input: &mut #krate::wire::Reader<'_>) -> #result { #read }
        }
        #evaluation
    }
}

/// Has rustc look at the kinds even if nobody uses them: only then does it find that a wrapped type
/// has several.
fn evaluation(krate: &TokenStream, ident: &Ident) -> TokenStream {
    quote! {
        const _: &[#krate::event::EventKind] = <#ident as #krate::event::SyncEvent>::KINDS;
    }
}

fn no_such_kind(krate: &TokenStream, name: &str) -> TokenStream {
    let expected = format!("kind of {name}");
    quote!(::core::result::Result::Err(#krate::wire::WireError::Invalid { expected: #expected }))
}

fn of_struct(krate: &TokenStream, kind: &Kind, no_such_kind: &TokenStream) -> Parts {
    let read = fields::read(krate, &kind.fields);
    Parts {
        kinds: vec![schema(krate, kind)],
        fields: kind.fields.len(),
        kind: quote!(0),
        write: fields::write_own(krate, &kind.fields),
        read: quote! {
            if kind != 0 { return #no_such_kind; }
            ::core::result::Result::Ok(Self #read)
        },
    }
}

fn of_enum(krate: &TokenStream, variants: &[Variant], no_such_kind: &TokenStream) -> Parts {
    let index: Vec<_> = (0..variants.len()).map(Literal::usize_unsuffixed).collect();
    let ident = variants.iter().map(|variant| &variant.ident);
    let writes = variants.iter().map(|variant| write(krate, variant));
    let reads = variants.iter().map(|variant| read(krate, variant));
    Parts {
        kinds: variants.iter().map(|variant| variant_schema(krate, &variant.content)).collect(),
        fields: variants.iter().map(|variant| variant.content.fields()).sum(),
        kind: quote!(match self { #(Self::#ident { .. } => #index,)* }),
        write: quote!(match self { #(#writes)* }),
        read: quote!(match kind { #(#index => #reads,)* _ => #no_such_kind }),
    }
}

fn write(krate: &TokenStream, variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    match &variant.content {
        Content::Kind(kind) => {
            let pattern = fields::pattern(&kind.fields);
            let write = fields::write_bound(krate, &kind.fields);
            quote!(Self::#ident #pattern => { #write })
        }
        Content::Flattened(ty) => {
            let as_event = as_event(krate, ty);
            quote!(Self::#ident(event) => #as_event::write_payload(event, out),)
        }
    }
}

fn read(krate: &TokenStream, variant: &Variant) -> TokenStream {
    let ident = &variant.ident;
    match &variant.content {
        Content::Kind(kind) => {
            let read = fields::read(krate, &kind.fields);
            quote!(::core::result::Result::Ok(Self::#ident #read))
        }
        Content::Flattened(ty) => {
            let as_event = as_event(krate, ty);
            quote!(#as_event::read_payload(0, input).map(Self::#ident))
        }
    }
}

fn variant_schema(krate: &TokenStream, content: &Content) -> TokenStream {
    match content {
        Content::Kind(kind) => schema(krate, kind),
        Content::Flattened(ty) => {
            let as_event = as_event(krate, ty);
            let message =
                "a flattened variant wraps an event of one kind; wrap a struct, not an enum";
            quote_spanned! {ty.span()=>
                match #as_event::KINDS { [kind] => *kind, _ => ::core::panic!("{}", #message) }
            }
        }
    }
}

fn schema(krate: &TokenStream, kind: &Kind) -> TokenStream {
    let (name, commutes, version) = (&kind.name.text, kind.commutes, number(kind.version));
    let schema = fields::schema(krate, &kind.fields);
    quote! {
        #krate::event::EventKind {
            name: #name, version: #version, min_reader: #version, commutes: #commutes,
            fields: #schema,
        }
    }
}

/// The wrapped type as an event, where rustc says so when it is none.
fn as_event(krate: &TokenStream, ty: &Type) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as #krate::event::SyncEvent>)
}
