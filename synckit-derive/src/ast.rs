//! What the macros understand of a type: its name, its fields and their numbers, without a trace of
//! syntax.
//!
//! Reading goes on after a mistake, so a model of a mistaken type can have holes. It is expanded
//! only when nothing was reported.

pub(crate) mod aggregate;
pub(crate) mod event;
pub(crate) mod value;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::{Fields, Index, LitInt, LitStr, Member, Path, Type};

use crate::attr;
use crate::attr::Version;
use crate::attr::value::MemberAttr;
use crate::ctxt::Ctxt;
use crate::lock::Reserved;
use crate::lock::diff::{Demand, MinReader};

/// A field that is written under a number.
pub(crate) struct Field {
    pub(crate) member: Member,
    /// The name in schemas and messages.
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// Whether values tell rustc their type, and something else has seen to it that it is a
    /// `Field`.
    pub(crate) told: bool,
    pub(crate) number: u32,
    /// The number that is written out.
    pub(crate) given: Option<u32>,
    /// Where a mistake about the number is.
    pub(crate) at: TokenStream,
    /// What it was called.
    pub(crate) was: Option<LitStr>,
    /// Whether older events, which lack it, are read with the type's default.
    pub(crate) default: bool,
    /// What its type has to be.
    pub(crate) demand: Demand,
}

/// A type's place in its history: what the source says of it, and what the lock makes of that.
#[derive(Clone)]
pub(crate) struct History {
    pub(crate) version: u32,
    /// The version, where it is written out.
    pub(crate) version_at: Option<LitInt>,
    /// Whether a draft is refused.
    pub(crate) required: bool,
    /// The package of the lock; `None` for what the lock of an aggregate covers.
    pub(crate) package: Option<String>,
    /// Whether there is a lock.
    pub(crate) is_tracked: bool,
    /// Whether the version is locked.
    pub(crate) is_locked: bool,
    pub(crate) min_reader: MinReader,
    pub(crate) reserved: Vec<Reserved>,
    /// The lowest version whose events can be read without being converted.
    pub(crate) readable_from: u32,
}

impl History {
    /// Without a lock.
    pub(crate) fn draft(version: Option<Version>, required: bool) -> Self {
        let number = version.as_ref().map_or(1, |version| version.number);
        Self {
            version: number,
            version_at: version.map(|version| version.at),
            required,
            package: None,
            is_tracked: false,
            is_locked: false,
            min_reader: MinReader::Is(number),
            reserved: Vec::new(),
            readable_from: 1,
        }
    }

    /// The lowest version whose readers may apply what is written, as far as tokens tell.
    pub(crate) const fn least_reader(&self) -> u32 {
        match self.min_reader {
            MinReader::Is(number) => number,
            MinReader::Depends(..) => self.version,
        }
    }
}

impl Field {
    /// The fields of a struct or variant.
    pub(crate) fn read_all(cx: &Ctxt, fields: &Fields) -> Vec<Self> {
        let alone = fields.len() == 1;
        let mut numbering = Numbering::from(1);
        let read = |(index, field): (usize, &syn::Field)| {
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
            let numbered = numbering.next(attr.number, place);
            let (was, default) = (attr.was, attr.default.is_some());
            Self { was, default, ..Self::plain(member, name, field.ty.clone(), numbered) }
        };
        fields.iter().enumerate().map(read).collect()
    }

    /// A field that says nothing but its number.
    pub(crate) fn plain(member: Member, name: String, ty: Type, numbered: Numbered) -> Self {
        let Numbered { number, given, at } = numbered;
        let (was, default, demand) = (None, false, Demand::Free);
        Self { member, name, ty, told: false, number, given, at, was, default, demand }
    }
}

/// A number, and where to report that it is not a good one.
#[derive(Default)]
pub(crate) struct Numbered {
    pub(crate) number: u32,
    /// The number that is written out.
    pub(crate) given: Option<u32>,
    pub(crate) at: TokenStream,
}

/// Gives numbers in order of declaration, one more than the number before, unless one is given by
/// hand.
struct Numbering {
    next: u32,
}

impl Numbering {
    const fn from(next: u32) -> Self {
        Self { next }
    }

    fn next(&mut self, explicit: Option<LitInt>, place: TokenStream) -> Numbered {
        // A number that does not fit is refused like every other one that is too great.
        let given = explicit.as_ref().map(|number| number.base10_parse().unwrap_or(u32::MAX));
        let number = given.unwrap_or(self.next);
        self.next = number.saturating_add(1);
        Numbered { number, given, at: explicit.map_or(place, |number| number.to_token_stream()) }
    }
}

/// Where the generated code finds synckit.
fn krate(given: Option<&Path>) -> TokenStream {
    given.map_or_else(|| quote!(::synckit), ToTokens::to_token_stream)
}
