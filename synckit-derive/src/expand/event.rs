//! `SyncEvent` for event types.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned as _;

use super::history::{self, OF_EVENT, Subject};
use super::{fields, number, result, standing_at, text};
use crate::ast::event::{Body, Content, Event, Kind, Variant};
use crate::attr::upcast::Upcast;

/// What the implementation of `SyncEvent` is made of.
struct Parts {
    /// The kinds, in order.
    kinds: Vec<TokenStream>,
    /// The kinds' fields.
    fields: usize,
    kind: TokenStream,
    write: TokenStream,
    read: TokenStream,
    /// Empty when nothing is converted.
    older: TokenStream,
}

pub(crate) fn event(event: &Event) -> TokenStream {
    let Event { ident, krate, body } = event;
    let no_such_kind = no_such_kind(krate, &text(ident));
    let Parts { kinds, fields, kind, write, read, older } = match body {
        Body::Struct(kind) if kind.historical => return past(krate, ident, kind),
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
    let history: TokenStream = body.kinds().map(|kind| of_kind(krate, ident, kind)).collect();
    let evaluation = body.flattens().then(|| evaluation(krate, ident));
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::event::SyncEvent for #ident {
            const KINDS: &'static [#krate::event::EventKind] = #kinds;
            fn kind(&self) -> usize { #kind }
            fn write_payload(&self, out: &mut #krate::wire::Writer) { #write }
            fn read_payload(kind: usize, input: &mut #krate::wire::Reader<'_>) -> #result { #read }
            #older
        }
        #evaluation
        #history
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
        older: kind
            .upcast
            .as_ref()
            .map(|upcast| of_struct_older(krate, kind, upcast))
            .unwrap_or_default(),
    }
}

fn of_struct_older(krate: &TokenStream, kind: &Kind, upcast: &Upcast) -> TokenStream {
    let convert = convert(krate, kind, upcast);
    quote! {
        fn read_older(
            _: usize,
            event: &#krate::event::EventRef,
            payload: &[u8],
        ) -> ::core::option::Option<::core::result::Result<Self, #krate::event::DecodeError>> {
            #convert
        }
    }
}

/// Converts an event of an older version, where rustc says so when no way leads from the type, or
/// the path is not that of a fitting function.
fn convert(krate: &TokenStream, kind: &Kind, upcast: &Upcast) -> TokenStream {
    let (name, history, from) = (&kind.name.text, &kind.history, &upcast.from);
    let least = history.readable_from.saturating_sub(1);
    let message = format!(
        "this does not lead to version {} of `{name}`: the type that is converted is a historical \
         `{name}` from version {} to {}",
        history.version,
        least.max(1),
        history.version.saturating_sub(1)
    );
    let (least, version) = (number(least), number(history.version));
    let krate_at = standing_at(from.span(), krate.clone());
    let way = quote_spanned! {from.span()=>
        const WAY: #krate_at::event::Way<#from> =
            #krate_at::event::way::<#from>(#name, #least, #version, #message);
    };
    let converted = match &upcast.with {
        Some(with) => quote_spanned!(with.span()=> WAY.upcast::<Self, _>(event, payload, #with)),
        None => quote_spanned! {from.span()=>
            WAY.upcast::<Self, Self>(
                event, payload, <Self as ::core::convert::From<#from>>::from,
            )
        },
    };
    quote!(#way #converted)
}

/// A historical type: read, and nothing else.
fn past(krate: &TokenStream, ident: &Ident, kind: &Kind) -> TokenStream {
    let (result, schema, read) =
        (result(krate), schema(krate, kind), fields::read(krate, &kind.fields));
    let schema_function = (!kind.fields.is_empty()).then(|| fields::schema_function(krate));
    let older = kind.upcast.as_ref().map(|upcast| {
        let convert = convert(krate, kind, upcast);
        quote! {
            fn read_older(
                event: &#krate::event::EventRef,
                payload: &[u8],
            ) -> ::core::option::Option<::core::result::Result<Self, #krate::event::DecodeError>> {
                #convert
            }
        }
    });
    let history = of_kind(krate, ident, kind);
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::event::PastEvent for #ident {
            const KIND: #krate::event::EventKind = { #schema_function #schema };
            fn read_payload(input: &mut #krate::wire::Reader<'_>) -> #result {
                ::core::result::Result::Ok(Self #read)
            }
            #older
        }
        #history
    }
}

/// What the lock of a kind leaves in the code.
fn of_kind(krate: &TokenStream, ident: &Ident, kind: &Kind) -> TokenStream {
    let (name, history) = (kind.name.text.as_str(), &kind.history);
    if history.package.is_none() {
        return TokenStream::new();
    }
    let tracking = history::tracking(name, history);
    let subject = Subject { krate, ident, name, history, instead: OF_EVENT };
    let checks = subject.checks(&kind.fields);
    quote!(#tracking #checks)
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
        older: of_enum_older(krate, variants),
    }
}

/// A wrapped event converts older ones as it does alone.
fn of_enum_older(krate: &TokenStream, variants: &[Variant]) -> TokenStream {
    let wrapping = variants.iter().enumerate().filter_map(|(index, variant)| {
        let Content::Flattened(ty) = &variant.content else { return None };
        let (ident, index) = (&variant.ident, Literal::usize_unsuffixed(index));
        let as_event = as_event(krate, ty);
        Some(quote! {
            #index => #as_event::read_older(0, event, payload).map(|read| read.map(Self::#ident)),
        })
    });
    let wrapping: Vec<_> = wrapping.collect();
    if wrapping.is_empty() {
        return TokenStream::new();
    }
    quote! {
        fn read_older(
            kind: usize,
            event: &#krate::event::EventRef,
            payload: &[u8],
        ) -> ::core::option::Option<::core::result::Result<Self, #krate::event::DecodeError>> {
            match kind { #(#wrapping)* _ => ::core::option::Option::None }
        }
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
    let (name, version) = (&kind.name.text, number(kind.history.version));
    let schema = fields::schema(krate, &kind.fields);
    let commuting = kind.commutes.then(|| quote!(.commuting()));
    let history = match kind.history.package {
        Some(_) => {
            let lineage = history::lineage(krate, &kind.history);
            quote!(.locked(#lineage))
        }
        None if kind.history.least_reader() == kind.history.version => TokenStream::new(),
        None => {
            let least = number(kind.history.least_reader());
            quote!(.readable_by(#least))
        }
    };
    quote!(#krate::event::EventKind::new(#name, #version, #schema) #commuting #history)
}

/// The wrapped type as an event, where rustc says so when it is none.
fn as_event(krate: &TokenStream, ty: &Type) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as #krate::event::SyncEvent>)
}
