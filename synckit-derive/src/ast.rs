//! Models of the types that the macros stand on: names, fields, and what their attributes say.
//!
//! A model borrows the syntax that it was read from, and nothing changes it afterwards: what a lock
//! file adds, such as numbers, is a value of its own, [`Resolved`](crate::lock::resolved::Resolved).
//!
//! Reading goes on after a mistake, so a model of a mistaken type can have holes. It is expanded
//! only when nothing was reported.

pub(crate) mod aggregate;
pub(crate) mod event;
pub(crate) mod value;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Fields, Index, LitInt, LitStr, Member, Path, Type};

use crate::attr;
use crate::attr::coding::Coding;
use crate::attr::value::MemberAttr;
use crate::attr::{Locking, Version};
use crate::ctxt::Ctxt;

/// A field that is written under a number.
pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    /// The name in schemas and messages.
    pub(crate) name: String,
    pub(crate) ty: &'a Type,
    /// True if values tell rustc their type, and something else has seen to it that it is a
    /// `Field`.
    pub(crate) told: bool,
    /// True if a macro made it, of a field of an aggregate: its type is known to be a `Field`, or is
    /// reported where it stands.
    pub(crate) generated: bool,
    pub(crate) number: GivenNumber,
    /// The former name.
    pub(crate) was: Option<LitStr>,
    /// True if older events, which lack it, are read with the type's default.
    pub(crate) default: bool,
    /// True if it is none of the fields that are gone, however alike.
    pub(crate) new: bool,
    pub(crate) coding: Coding,
}

/// The number of a field or variant, as far as the source gives it.
pub(crate) struct GivenNumber {
    /// The number that is written out.
    pub(crate) given: Option<u32>,
    /// The place of mistakes about the number.
    pub(crate) at: TokenStream,
}

/// A type's place in its history, as the source states it.
#[derive(Clone)]
pub(crate) struct History {
    /// The version, 1 when none is written.
    pub(crate) version: u32,
    /// The version, where it is written out.
    pub(crate) version_at: Option<LitInt>,
    /// The source's demand of a lock.
    pub(crate) locking: Option<Locking>,
}

impl History {
    fn of(version: Option<Version>, locking: Option<Locking>) -> Self {
        Self {
            version: version.as_ref().map_or(1, |version| version.number),
            version_at: version.map(|version| version.at),
            locking,
        }
    }
}

impl<'a> Field<'a> {
    /// The fields of a struct or variant.
    pub(crate) fn read_all(cx: &Ctxt, fields: &'a Fields) -> Vec<Self> {
        let alone = fields.len() == 1;
        let read = |(index, field): (usize, &'a syn::Field)| {
            let (member, name) = match &field.ident {
                Some(ident) => (Member::Named(ident.clone()), ident.unraw().to_string()),
                None if alone => (Member::Unnamed(Index::from(index)), "value".to_owned()),
                None => (Member::Unnamed(Index::from(index)), format!("value_{}", index + 1)),
            };
            for helper in ["event", "value"] {
                attr::field::refuse(cx, &field.attrs, helper, "a field takes #[field(3)]");
            }
            let attr = MemberAttr::of_field(cx, &field.attrs);
            let place = match &field.ident {
                Some(ident) => ident.to_token_stream(),
                None => field.ty.to_token_stream(),
            };
            Self {
                member,
                name,
                ty: &field.ty,
                told: false,
                generated: false,
                number: GivenNumber::of(attr.number, place),
                was: attr.was,
                default: attr.default.is_some(),
                new: attr.new.is_some(),
                coding: attr.coding.coding(cx),
            }
        };
        fields.iter().enumerate().map(read).collect()
    }

    /// The only, unnamed field of a generated variant.
    pub(crate) fn unnamed(name: &str, ty: &'a Type, told: bool) -> Self {
        Self::generated(Member::Unnamed(Index::from(0)), name, ty, told)
    }

    /// A named field of a generated variant.
    pub(crate) fn named(name: &str, ty: &'a Type, told: bool) -> Self {
        Self::generated(Member::Named(format_ident!("{name}")), name, ty, told)
    }

    fn generated(member: Member, name: &str, ty: &'a Type, told: bool) -> Self {
        Self {
            member,
            name: name.to_owned(),
            ty,
            told,
            generated: true,
            number: GivenNumber { given: None, at: TokenStream::new() },
            was: None,
            default: false,
            new: false,
            coding: Coding::Own,
        }
    }
}

impl GivenNumber {
    fn of(explicit: Option<LitInt>, place: TokenStream) -> Self {
        // A number that does not fit is refused like every other one that is too great.
        let given = explicit.as_ref().map(|number| number.base10_parse().unwrap_or(u32::MAX));
        Self { given, at: explicit.map_or(place, |number| number.to_token_stream()) }
    }
}

/// The path by which the generated code finds synckit.
fn krate(given: Option<&Path>) -> TokenStream {
    given.map_or_else(|| quote!(::synckit), ToTokens::to_token_stream)
}
