//! Code that a type's lock leads to: what cargo must watch, what rustc must check, and what
//! the library must know to write the next version.

use proc_macro2::{Ident, Literal, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use synckit_lock::{Family, MinReader};

use super::{fields, number, standing_at};
use crate::ast::Field;
use crate::lock::diff::Demand;
use crate::lock::resolved::{Member, Resolved};

/// Names what the expansion depends on, so that cargo builds the type again when it changes: the
/// lock, and for a draft the variables that refuse it and what changes when it gets a lock.
pub(super) fn tracking(family: Family, name: &str, resolved: &Resolved) -> TokenStream {
    let lock = resolved.is_tracked.then(|| format!("/{}", family.path(name)));
    let file = lock.or_else(|| resolved.watched.clone());
    let lock = file.map(|file| {
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

/// The type's lineage for the library, unless the lock of an aggregate covers the type.
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
    let locked = resolved.is_locked.then(|| quote!(.locked()));
    let history = (!resolved.history.is_empty()).then(|| {
        let each = resolved.history.iter().map(|(version, identity)| {
            let (version, identity) = (number(*version), Literal::u64_unsuffixed(identity.0));
            quote!((#version, #identity))
        });
        quote!(.history(&[#(#each),*]))
    });
    quote!(#krate::wire::Lineage::of(#package, #least) #locked #history #reserved #follows)
}

/// The published type that a field's type is held against.
pub(super) struct Subject<'a> {
    pub(super) krate: &'a TokenStream,
    /// The type that has the field.
    pub(super) ident: &'a Ident,
    /// Its name in stored bytes.
    pub(super) name: &'a str,
    pub(super) resolved: &'a Resolved,
    /// The condition under which fields follow from those of the version before.
    pub(super) unless: Option<TokenStream>,
    /// The advice for a type that cannot follow.
    pub(super) instead: &'static str,
}

impl Subject<'_> {
    /// Has rustc hold the types of fields against the lock, each by itself, so that all are
    /// reported.
    pub(super) fn checks(&self, fields: &[Field<'_>], members: &[Member]) -> TokenStream {
        let each = fields.iter().zip(members);
        let check = |(field, member): (&Field<'_>, &Member)| {
            let krate = standing_at(field.ty.span(), self.krate.clone());
            let (shape, coded) = (fields::shape(&krate, field), fields::coded(field));
            self.check_shape(&field.name, field.ty, &shape, coded, member)
        };
        each.map(check).collect()
    }

    /// Has rustc hold a type against the lock; `coded` is the type of a field in it that may have been
    /// renamed.
    pub(super) fn check_shape(
        &self,
        field: &str,
        ty: &impl ToTokens,
        shape: &TokenStream,
        coded: Option<TokenStream>,
        member: &Member,
    ) -> TokenStream {
        let Self { name, resolved, instead, unless, .. } = self;
        let krate = standing_at(ty.span(), self.krate.clone());
        let version = number(resolved.version);
        let before = number(resolved.version.saturating_sub(1));
        let shape = without_self(shape.clone(), self.ident);
        let locked = match &member.demand {
            Demand::Locked(locked) | Demand::Reads(locked) => Some(locked),
            Demand::Follows(shapes) => shapes.first(),
            Demand::Free | Demand::Absent => None,
        };
        // Types without a name are what they are.
        let renamed = coded.zip(locked.filter(|locked| locked.contains('@')));
        let renamed = renamed.map(|(coded, locked)| {
            let coded = without_self(coded, self.ident);
            quote_spanned!(ty.span()=> !#krate::schema::is_renamed::<#coded>(#locked))
        });
        let demanded = match &member.demand {
            Demand::Free => None,
            Demand::Locked(locked) => Some(quote_spanned! {ty.span()=>
                #krate::schema::is_locked(#shape, #locked, #field, #name, #version)
            }),
            Demand::Reads(locked) => Some(quote_spanned! {ty.span()=>
                #krate::schema::reads(#shape, #locked, #field, #name, #version)
            }),
            Demand::Follows(shapes) => Some(quote_spanned! {ty.span()=>
                #krate::schema::follows(#shape, &[#(#shapes),*], #field, #name, #before, #instead)
            }),
            Demand::Absent => Some(quote_spanned! {ty.span()=>
                #krate::schema::may_be_absent(#shape, #field, #name, #before)
            }),
        };
        let lost = member.lost.iter().map(|lost| {
            let (gone, shapes) = (&lost.name, &lost.followers);
            quote_spanned! {ty.span()=>
                #krate::schema::is_new(#shape, &[#(#shapes),*], #field, #name, #gone)
            }
        });
        let demanded = demanded.map(|call| match renamed {
            None => call,
            Some(renamed) => quote_spanned!(ty.span()=> if #renamed { #call }),
        });
        let each = demanded.into_iter().chain(lost);
        each.map(|call| match unless {
            None => quote_spanned!(ty.span()=> const _: () = #call;),
            Some(unless) => quote_spanned!(ty.span()=> const _: () = if #unless { #call };),
        })
        .collect()
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

/// The advice for an event's field whose type cannot follow.
pub(super) const OF_EVENT: &str = "keep it and add a field beside it, or say how old events are \
                                   converted: #[upcast(from = …, with = …)]";
/// The advice for a value's.
pub(super) const OF_VALUE: &str = "keep it and add a field beside it, or make another value type";
/// The advice for an aggregate's.
pub(super) const OF_AGGREGATE: &str = "keep it and add a field beside it";
