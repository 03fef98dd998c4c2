//! `SyncEvent` for event types.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use synckit_lock::Family;

use super::history::{self, OF_EVENT, Subject};
use super::{fields, number, result, standing_at, text};
use crate::ast::event::{Body, Content, Event, Kind};
use crate::attr::upcast::Upcast;
use crate::lock::resolved::Resolved;

/// Parts of the implementation of `SyncEvent`.
struct EventParts {
    /// The kinds, in order.
    kinds: Vec<TokenStream>,
    kind: TokenStream,
    write: TokenStream,
    read: TokenStream,
    /// Empty when nothing is converted.
    older: TokenStream,
}

/// A kind with what its lock decides.
#[derive(Clone, Copy)]
struct Placed<'a> {
    kind: &'a Kind<'a>,
    resolved: &'a Resolved,
}

/// The kind of a variant.
enum Placement<'a> {
    Kind(Placed<'a>),
    /// The wrapped type as an event, where rustc says so when it is none.
    Flattened(TokenStream),
}

/// The implementation; `resolved` has the kinds in their order.
pub(crate) fn event(event: &Event<'_>, resolved: &[Resolved]) -> TokenStream {
    let Event { ident, krate, sync_event, body } = event;
    let no_such_kind = no_such_kind(krate, &text(ident));
    let mut placed = body.kinds().zip(resolved).map(|(kind, resolved)| Placed { kind, resolved });
    let EventParts { kinds, kind, write, read, older } = match body {
        Body::Struct(_) => match placed.next() {
            Some(placed) if placed.kind.historical => return historical(krate, ident, placed),
            Some(placed) => of_struct(krate, placed, &no_such_kind),
            None => return TokenStream::new(),
        },
        Body::Enum { variants, .. } => {
            let each = variants.iter().filter_map(|variant| {
                let placement = match variant.content {
                    Content::Kind(_) => Placement::Kind(placed.next()?),
                    Content::Flattened(ty) => {
                        Placement::Flattened(quote_spanned!(ty.span()=> <#ty as #sync_event>))
                    }
                };
                Some((variant.ident, placement))
            });
            of_enum(krate, &each.collect::<Vec<_>>(), &no_such_kind)
        }
        Body::Union => return TokenStream::new(),
    };
    let functions = fields::schema_functions(krate, body.kinds().flat_map(|kind| &kind.fields));
    let kinds = if functions.is_empty() {
        quote!(&[#(#kinds),*])
    } else {
        quote!({ #functions &[#(#kinds),*] })
    };
    let result = result(krate);
    let history: TokenStream = body
        .kinds()
        .zip(resolved)
        .map(|(kind, resolved)| Placed { kind, resolved }.history(krate, ident))
        .collect();
    let evaluation = body.flattens().then(|| evaluation(krate, ident));
    let implementation = quote! {
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
    };
    match (body, resolved) {
        (Body::Struct(kind), [resolved]) => {
            with_way(krate, Placed { kind, resolved }, implementation)
        }
        _ => implementation,
    }
}

impl<'a> Placed<'a> {
    fn fields(&self) -> Vec<fields::NumberedField<'a>> {
        fields::numbered(&self.kind.fields, &self.resolved.members)
    }

    fn schema(&self, krate: &TokenStream) -> TokenStream {
        let Self { kind, resolved } = self;
        let (name, version) = (&kind.name.text, number(resolved.version));
        let schema = fields::schema(krate, &self.fields());
        let commuting = kind.commutes.then(|| quote!(.commuting()));
        let history = if resolved.package.is_some() {
            let lineage = history::lineage(krate, resolved);
            let upcast = self.upcast();
            quote!(.locked(#lineage) #upcast)
        } else if resolved.least_reader() == resolved.version {
            TokenStream::new()
        } else {
            let least = number(resolved.least_reader());
            quote!(.readable_by(#least))
        };
        let kind = if kind.fields.iter().any(|field| field.generated) {
            quote!(kind)
        } else {
            quote!(#krate::event::EventKind::new)
        };
        quote!(#kind(#name, #version, #schema) #commuting #history)
    }

    /// The conversion as the kind's lock will state it; nothing while there is no lock.
    fn upcast(&self) -> Option<TokenStream> {
        let (upcast, _) = (self.kind.upcast.as_ref()?, self.resolved.ways.as_ref()?);
        let (by, revision) = (upcast.by(), number(upcast.revision));
        Some(quote!(.converting(__WAY.past(), #by, #revision)))
    }

    /// Code that the lock of the kind leads to.
    fn history(&self, krate: &TokenStream, ident: &Ident) -> TokenStream {
        let Self { kind, resolved } = *self;
        let name = kind.name.text.as_str();
        if resolved.package.is_none() {
            return TokenStream::new();
        }
        let tracking = history::tracking(Family::Event, name, resolved);
        let carries = resolved.ways.as_ref().and_then(|ways| ways.carries).map(number);
        let unless = carries.as_ref().map(|last| quote!(__FROM < #last));
        let subject = Subject { krate, ident, name, resolved, unless, instead: OF_EVENT };
        let mut checks = subject.checks(&kind.fields, &resolved.members);
        if carries.is_some() {
            checks = quote!(const _: () = { const __FROM: u32 = __WAY.past().version; #checks };);
        }
        quote!(#tracking #checks)
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
    quote!(#krate::event::no_such_kind(#expected))
}

fn of_struct(krate: &TokenStream, placed: Placed<'_>, no_such_kind: &TokenStream) -> EventParts {
    let fields = placed.fields();
    let read = fields::read(krate, &fields);
    let upcast = placed.kind.upcast.as_ref();
    EventParts {
        kinds: vec![placed.schema(krate)],
        kind: quote!(0),
        write: fields::write_own(krate, &fields),
        read: quote! {
            if kind != 0 { return #no_such_kind; }
            ::core::result::Result::Ok(Self #read)
        },
        older: upcast.map(|upcast| of_struct_older(krate, upcast)).unwrap_or_default(),
    }
}

fn of_struct_older(krate: &TokenStream, upcast: &Upcast) -> TokenStream {
    let convert = convert(upcast);
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

/// The implementation beside the way from the older version, which names its type once: rustc says
/// there when it does not lead here.
fn with_way(krate: &TokenStream, placed: Placed<'_>, implementation: TokenStream) -> TokenStream {
    let Placed { kind, resolved } = placed;
    let Some(upcast) = &kind.upcast else { return implementation };
    let (name, from) = (&kind.name.text, &upcast.from);
    let (allowed, message) = match &resolved.ways {
        Some(ways) => (ways.from.clone(), ways.message.clone()),
        None => (
            Vec::new(),
            format!(
                "this does not lead to version {} of `{name}`: the type that is converted is a \
             historical `{name}` from version 1 to {}",
                resolved.version,
                resolved.version.saturating_sub(1)
            ),
        ),
    };
    let (allowed, version) = (allowed.into_iter().map(number), number(resolved.version));
    let krate_at = standing_at(from.span(), krate.clone());
    let way = quote_spanned! {from.span()=>
        #[allow(deprecated)]
        const __WAY: #krate_at::event::Way<#from> =
            #krate_at::event::way::<#from>(#name, &[#(#allowed),*], #version, #message);
    };
    quote!(const _: () = { #way #implementation };)
}

/// Converts an event of an older version, where rustc says so when the path is not that of a
/// fitting function.
fn convert(upcast: &Upcast) -> TokenStream {
    let from = &upcast.from;
    match &upcast.with {
        Some(with) => quote_spanned!(with.span()=> __WAY.upcast::<Self, _>(event, payload, #with)),
        None => quote_spanned! {from.span()=>
            __WAY.upcast::<Self, Self>(
                event, payload, <Self as ::core::convert::From<#from>>::from,
            )
        },
    }
}

/// A historical type: read, and nothing else.
fn historical(krate: &TokenStream, ident: &Ident, placed: Placed<'_>) -> TokenStream {
    let Placed { kind, .. } = placed;
    let (result, schema, fields) = (result(krate), placed.schema(krate), placed.fields());
    let read = fields::read(krate, &fields);
    let functions = fields::schema_functions(krate, &kind.fields);
    let older = kind.upcast.as_ref().map(|upcast| {
        let convert = convert(upcast);
        quote! {
            fn read_older(
                event: &#krate::event::EventRef,
                payload: &[u8],
            ) -> ::core::option::Option<::core::result::Result<Self, #krate::event::DecodeError>> {
                #convert
            }
        }
    });
    let history = placed.history(krate, ident);
    let implementation = quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::event::PastEvent for #ident {
            const KIND: #krate::event::EventKind = { #functions #schema };
            fn read_payload(input: &mut #krate::wire::Reader<'_>) -> #result {
                ::core::result::Result::Ok(Self #read)
            }
            #older
        }
        #history
    };
    with_way(krate, placed, implementation)
}

/// A variant by its name.
type Named<'a> = (&'a Ident, Placement<'a>);

fn of_enum(krate: &TokenStream, variants: &[Named<'_>], no_such_kind: &TokenStream) -> EventParts {
    let index: Vec<_> = (0..variants.len()).map(Literal::usize_unsuffixed).collect();
    let ident = variants.iter().map(|(ident, _)| ident);
    let writes = variants.iter().map(|variant| write(krate, variant));
    let reads = variants.iter().map(|variant| read(krate, variant));
    EventParts {
        kinds: variants.iter().map(|(_, placement)| schema(krate, placement)).collect(),
        kind: quote!(match self { #(Self::#ident { .. } => #index,)* }),
        write: quote!(match self { #(#writes)* }),
        read: quote!(match kind { #(#index => #reads,)* _ => #no_such_kind }),
        older: of_enum_older(krate, variants),
    }
}

/// A wrapped event converts older ones as it does alone.
fn of_enum_older(krate: &TokenStream, variants: &[Named<'_>]) -> TokenStream {
    let wrapping = variants.iter().enumerate().filter_map(|(index, (ident, placement))| {
        let Placement::Flattened(as_event) = placement else { return None };
        let index = Literal::usize_unsuffixed(index);
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

fn write(krate: &TokenStream, (ident, placement): &Named<'_>) -> TokenStream {
    match placement {
        Placement::Kind(placed) => {
            let fields = placed.fields();
            let (pattern, write) = (fields::pattern(&fields), fields::write_bound(krate, &fields));
            quote!(Self::#ident #pattern => { #write })
        }
        Placement::Flattened(as_event) => {
            quote!(Self::#ident(event) => #as_event::write_payload(event, out),)
        }
    }
}

fn read(krate: &TokenStream, (ident, placement): &Named<'_>) -> TokenStream {
    match placement {
        Placement::Kind(placed) => {
            let fields = placed.fields();
            if let Some(only) = fields::read_only(krate, &fields) {
                return quote!(#only.map(Self::#ident));
            }
            let read = fields::read(krate, &fields);
            quote!(::core::result::Result::Ok(Self::#ident #read))
        }
        Placement::Flattened(as_event) => {
            quote!(#as_event::read_payload(0, input).map(Self::#ident))
        }
    }
}

fn schema(krate: &TokenStream, placement: &Placement<'_>) -> TokenStream {
    match placement {
        Placement::Kind(placed) => placed.schema(krate),
        Placement::Flattened(as_event) => {
            let at = as_event.span();
            let krate = standing_at(at, krate.clone());
            quote_spanned!(at=> #krate::event::only(#as_event::KINDS))
        }
    }
}
