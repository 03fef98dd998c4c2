//! What a type's lock leaves in the code: what cargo must watch, what rustc must check, and what
//! the library must know to write the next version.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use synckit_lock::{MinReader, path};

use super::{number, standing_at};
use crate::ast::Field;
use crate::lock::diff::Demand;
use crate::lock::resolved::{Member, Resolved};

/// Names what the expansion depends on, so that cargo builds the type again when it changes: the
/// lock, and for a draft the variables that refuse it. A lock that was not there is not watched.
pub(super) fn tracking(name: &str, resolved: &Resolved) -> TokenStream {
    let lock = resolved.is_tracked.then(|| {
        let file = format!("/{}", path(name));
        quote! {
            const _: &[u8] = ::core::include_bytes!(
                ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #file)
            );
        }
    });
    let variables = (!resolved.is_locked).then(|| {
        quote! {
            const _: [::core::option::Option<&str>; 2] = [
                ::core::option_env!("SYNCKIT_LOCKED"), ::core::option_env!("SYNCKIT_BLESS"),
            ];
        }
    });
    quote!(#lock #variables)
}

/// What the library is told, unless the lock of an aggregate covers the type.
pub(super) fn lineage(krate: &TokenStream, resolved: &Resolved) -> TokenStream {
    let least = number(resolved.least_reader());
    let package = resolved.package.as_deref().unwrap_or_default();
    let reserved = (!resolved.reserved.is_empty()).then(|| {
        let each = resolved.reserved.iter().map(ToString::to_string);
        quote!(.reserved(&[#(#each),*]))
    });
    let follows = match &resolved.min_reader {
        MinReader::Is(_) => None,
        MinReader::Depends { least, fields } => {
            let least = number(*least);
            let each = fields.iter().map(|(slot, shape)| {
                let slot = slot.to_string();
                quote!((#slot, #shape))
            });
            Some(quote!(.follows(#least, &[#(#each),*])))
        }
    };
    quote!(#krate::wire::Lineage::of(#package, #least) #reserved #follows)
}

/// What a field's type is held against.
pub(super) struct Subject<'a> {
    pub(super) krate: &'a TokenStream,
    /// The type that has the field.
    pub(super) ident: &'a Ident,
    /// Its name in stored bytes.
    pub(super) name: &'a str,
    pub(super) resolved: &'a Resolved,
    /// What to do about a type that cannot follow.
    pub(super) instead: &'static str,
}

impl Subject<'_> {
    /// Has rustc hold the types of fields against the lock, each by itself, so that all are
    /// reported.
    pub(super) fn checks(&self, fields: &[Field<'_>], members: &[Member]) -> TokenStream {
        let each = fields.iter().zip(members);
        each.map(|(field, member)| self.check(&field.name, field.ty, &member.demand)).collect()
    }

    pub(super) fn check(&self, field: &str, ty: &impl ToTokens, demand: &Demand) -> TokenStream {
        let Self { name, resolved, instead, .. } = self;
        let krate = standing_at(ty.span(), self.krate.clone());
        let (version, before) = (resolved.version, resolved.version.saturating_sub(1));
        let ty = without_self(ty.to_token_stream(), self.ident);
        let shape = quote_spanned!(ty.span()=> <#ty as #krate::wire::Field>::SHAPE);
        let call = match demand {
            Demand::Free => return TokenStream::new(),
            Demand::Locked(locked) => {
                let next = version.saturating_add(1);
                let message = format!(
                    "field `{field}` of `{name}` is locked as `{locked}` in version {version}, \
                     and this is another type, or another version of it; give it that type back, \
                     or raise the version: `version = {next}`"
                );
                quote_spanned!(ty.span()=> #krate::schema::is_locked(#shape, #locked, #message))
            }
            Demand::Reads(locked) => {
                let message = format!(
                    "field `{field}` of `{name}` is locked as `{locked}` in version {version}; a \
                     historical type is what is locked: give it that type back"
                );
                quote_spanned!(ty.span()=> #krate::schema::follows(#shape, &[#locked], #message))
            }
            Demand::Follows(shapes) => {
                let (was, may) = (&shapes[0], &shapes[1..]);
                let may = match may {
                    [] => String::new(),
                    may => format!("it may become `{}`; otherwise ", may.join("`, `")),
                };
                let message = format!(
                    "field `{field}` of `{name}` was `{was}` in version {before}, which cannot be \
                     read as this type; {may}{instead}"
                );
                quote_spanned! {ty.span()=>
                    #krate::schema::follows(#shape, &[#(#shapes),*], #message)
                }
            }
            Demand::Absent => {
                let message = format!(
                    "field `{field}` of `{name}` is not in version {before}, which is to be read \
                     as well; make it an Option or a collection, or let it have a default there: \
                     #[field(default)]"
                );
                quote_spanned!(ty.span()=> #krate::schema::may_be_absent(#shape, #message))
            }
        };
        quote_spanned!(ty.span()=> const _: () = #call;)
    }
}

/// The type without `Self`, which only an implementation knows.
fn without_self(tokens: TokenStream, ident: &Ident) -> TokenStream {
    let replace = |token: TokenTree| match token {
        TokenTree::Ident(word) if word == "Self" => {
            let mut ident = ident.clone();
            ident.set_span(word.span());
            TokenTree::Ident(ident)
        }
        TokenTree::Group(group) => {
            let inner = without_self(group.stream(), ident);
            let mut replaced = proc_macro2::Group::new(group.delimiter(), inner);
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        other => other,
    };
    tokens.into_iter().map(replace).collect()
}

/// What can be done about an event's field whose type cannot follow.
pub(super) const OF_EVENT: &str = "keep it and add a field beside it, or say how old events are \
                                   converted: #[upcast(from = …, with = …)]";
/// What can be done about a value's.
pub(super) const OF_VALUE: &str = "keep it and add a field beside it, or make another value type";
/// What can be done about an aggregate's.
pub(super) const OF_AGGREGATE: &str = "keep it and add a field beside it";
