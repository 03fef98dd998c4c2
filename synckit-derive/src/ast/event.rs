//! Model of an event, as `#[derive(SyncEvent)]` understands it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Type};

use super::{Field, History, krate};
use crate::attr;
use crate::attr::event::{EventAttr, EventItem};
use crate::attr::upcast::Upcast;
use crate::case::snake;
use crate::ctxt::Ctxt;

/// The place of an event that is converted from older ones.
const WRAP: &str = "give it to a struct, and let a variant with #[event(flatten)] \
                    wrap it";

/// A type of events.
pub(crate) struct Event<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) krate: TokenStream,
    /// The path of the trait `SyncEvent`.
    pub(crate) sync_event: TokenStream,
    pub(crate) body: Body<'a>,
}

pub(crate) enum Body<'a> {
    /// One kind.
    Struct(Box<Kind<'a>>),
    /// A kind for each variant.
    Enum { prefix: Option<LitStr>, variants: Vec<Variant<'a>> },
    /// None, which has been reported.
    Union,
}

impl<'a> Body<'a> {
    /// The kinds that are not another type's.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Kind<'a>> {
        let (of_struct, variants) = match self {
            Self::Struct(kind) => (Some(&**kind), [].as_slice()),
            Self::Enum { variants, .. } => (None, variants.as_slice()),
            Self::Union => (None, [].as_slice()),
        };
        let of_variants = variants.iter().filter_map(|variant| match &variant.content {
            Content::Kind(kind) => Some(&**kind),
            Content::Flattened(_) => None,
        });
        of_struct.into_iter().chain(of_variants)
    }

    /// The beginning of the names of variants.
    pub(crate) const fn prefix(&self) -> Option<&LitStr> {
        match self {
            Self::Enum { prefix, .. } => prefix.as_ref(),
            Self::Struct(_) | Self::Union => None,
        }
    }

    /// True if it is an old version that is only read.
    pub(crate) fn is_historical(&self) -> bool {
        self.kinds().any(|kind| kind.historical)
    }

    /// True if a variant wraps another event type.
    pub(crate) fn flattens(&self) -> bool {
        match self {
            Self::Struct(_) | Self::Union => false,
            Self::Enum { variants, .. } => {
                variants.iter().any(|variant| matches!(variant.content, Content::Flattened(_)))
            }
        }
    }
}

pub(crate) struct Variant<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) content: Content<'a>,
}

pub(crate) enum Content<'a> {
    /// The variant's fields are the payload.
    Kind(Box<Kind<'a>>),
    /// The variant wraps an event type, whose kind it takes over.
    Flattened(&'a Type),
}

/// One kind of event.
pub(crate) struct Kind<'a> {
    pub(crate) name: Name,
    pub(crate) history: History,
    pub(crate) commutes: bool,
    /// True if it is an old version that is only read.
    pub(crate) historical: bool,
    /// The conversion of events of older versions.
    pub(crate) upcast: Option<Upcast>,
    /// True if it says that they are, even if it is mistaken about how.
    pub(crate) converts: bool,
    pub(crate) fields: Vec<Field<'a>>,
}

/// The name of a kind of event.
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) origin: Origin,
    /// The place of a mistake about it.
    pub(crate) at: TokenStream,
}

/// The origin of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is written out.
    Given,
    /// It is made of the prefix and the variant.
    Made,
    /// It is not there, which has been reported.
    Missing,
}

impl<'a> Event<'a> {
    pub(crate) fn read(cx: &Ctxt, input: &'a DeriveInput) -> Self {
        let place = match input.data {
            Data::Enum(_) => EventItem::Enum,
            Data::Struct(_) | Data::Union(_) => EventItem::Struct,
        };
        let attr = EventAttr::read(cx, &input.attrs, place);
        attr::field::refuse(cx, &input.attrs, "field", "number the fields with it");
        let path = krate(attr.krate.as_ref());
        let ident = &input.ident;
        let body = match &input.data {
            Data::Struct(data) => {
                Body::Struct(Box::new(Kind::of_struct(cx, input, attr, &data.fields)))
            }
            Data::Enum(data) => {
                Upcast::refuse(cx, &input.attrs, WRAP);
                if data.variants.is_empty() {
                    cx.error(ident, format!("expected a variant: `{ident}` has no kinds of event"));
                }
                let variants = data.variants.iter();
                let read = variants.filter_map(|variant| Variant::read(cx, ident, &attr, variant));
                Body::Enum { variants: read.collect(), prefix: attr.name }
            }
            Data::Union(data) => {
                let message =
                    "unexpected union: nothing says which of its fields is there; use an enum";
                cx.error(data.union_token, message);
                Body::Union
            }
        };
        let sync_event = quote!(#path::event::SyncEvent);
        Self { ident, krate: path, sync_event, body }
    }
}

impl<'a> Kind<'a> {
    fn of_struct(cx: &Ctxt, input: &DeriveInput, attr: EventAttr, fields: &'a Fields) -> Self {
        let ident = &input.ident;
        let upcast = Upcast::read(cx, &input.attrs);
        if attr.name.is_none() && !attr.mistaken {
            let proposed = snake(&ident.unraw().to_string());
            cx.error(
                ident,
                format!(
                    "missing name of `{ident}` in stored bytes; add #[event(name = \"{proposed}\")]"
                ),
            );
        }
        Self {
            name: Name::given(attr.name, ident),
            history: History::of(attr.version, attr.lock),
            commutes: attr.commutes.is_some(),
            historical: attr.historical.is_some(),
            upcast,
            converts: input.attrs.iter().any(|attr| attr.path().is_ident("upcast")),
            fields: Field::read_all(cx, fields),
        }
    }
}

impl Name {
    fn given(name: Option<LitStr>, ident: &Ident) -> Self {
        match name {
            Some(name) => {
                Self { text: name.value(), origin: Origin::Given, at: name.to_token_stream() }
            }
            None => {
                Self { text: String::new(), origin: Origin::Missing, at: ident.to_token_stream() }
            }
        }
    }
}

impl<'a> Variant<'a> {
    fn read(
        cx: &Ctxt,
        family: &Ident,
        container: &EventAttr,
        variant: &'a syn::Variant,
    ) -> Option<Self> {
        let attr = EventAttr::read(cx, &variant.attrs, EventItem::Variant);
        attr::field::refuse(cx, &variant.attrs, "field", "number the fields with it");
        Upcast::refuse(cx, &variant.attrs, WRAP);
        let ident = &variant.ident;
        if attr.flatten.is_some() {
            return Some(Self { content: Content::flattened(cx, &attr, variant)?, ident });
        }
        let name = match (attr.name, &container.name) {
            (None, Some(prefix)) => Name {
                text: format!("{}.{}", prefix.value(), snake(&ident.unraw().to_string())),
                origin: Origin::Made,
                at: ident.to_token_stream(),
            },
            (None, None) => {
                if !attr.mistaken && !container.mistaken {
                    without_prefix(cx, family, ident);
                }
                Name::given(None, ident)
            }
            (given, _) => Name::given(given, ident),
        };
        let content = Content::Kind(Box::new(Kind {
            name,
            history: History::of(
                attr.version.or_else(|| container.version.clone()),
                container.lock,
            ),
            commutes: attr.commutes.is_some(),
            historical: false,
            upcast: None,
            converts: false,
            fields: Field::read_all(cx, &variant.fields),
        }));
        Some(Self { ident, content })
    }
}

fn without_prefix(cx: &Ctxt, family: &Ident, variant: &Ident) {
    let proposed = snake(&family.unraw().to_string());
    let proposed = proposed.strip_suffix("_event").unwrap_or(&proposed);
    let message = format!(
        "missing name of `{variant}` in stored bytes; add #[event(name = \"{proposed}\")] to \
         `{family}`, which names all its variants, or a name to this variant"
    );
    cx.error(variant, message);
}

impl<'a> Content<'a> {
    fn flattened(cx: &Ctxt, attr: &EventAttr, variant: &'a syn::Variant) -> Option<Self> {
        let ident = &variant.ident;
        let said = [
            ("name", attr.name.as_ref().map(ToTokens::to_token_stream)),
            ("version", attr.version.as_ref().map(|version| version.at.to_token_stream())),
            ("commutes", attr.commutes.map(|()| ident.to_token_stream())),
        ];
        for (key, at) in said {
            if let Some(at) = at {
                let message = format!(
                    "unexpected key `{key}`: a flattened variant has the {key} of the event it wraps"
                );
                cx.error(at, message);
            }
        }
        match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                let field = &fields.unnamed[0];
                attr::field::refuse(
                    cx,
                    &field.attrs,
                    "field",
                    "the wrapped event numbers its fields",
                );
                Some(Self::Flattened(&field.ty))
            }
            _ => {
                let message =
                    format!("expected one unnamed field, the event type: `{ident}({ident})`");
                cx.error(ident, message);
                None
            }
        }
    }
}
