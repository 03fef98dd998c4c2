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
use syn::{Fields, Index, LitInt, Member, Path, Type};

use crate::attr;
use crate::ctxt::Ctxt;

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
    /// Where a mistake about the number is.
    pub(crate) at: TokenStream,
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
            let place = match &field.ident {
                Some(ident) => ident.to_token_stream(),
                None => field.ty.to_token_stream(),
            };
            let (number, at) = numbering.next(attr::field::number(cx, &field.attrs), place);
            Self { member, name, ty: field.ty.clone(), told: false, number, at }
        };
        fields.iter().enumerate().map(read).collect()
    }
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

    /// The number, and where to report that it is not a good one.
    fn next(&mut self, explicit: Option<LitInt>, place: TokenStream) -> (u32, TokenStream) {
        let (number, at) = match explicit {
            // A number that does not fit is refused like every other one that is too great.
            Some(literal) => {
                (literal.base10_parse().unwrap_or(u32::MAX), literal.to_token_stream())
            }
            None => (self.next, place),
        };
        self.next = number.saturating_add(1);
        (number, at)
    }
}

/// Where the generated code finds synckit.
fn krate(given: Option<&Path>) -> TokenStream {
    given.map_or_else(|| quote!(::synckit), ToTokens::to_token_stream)
}
