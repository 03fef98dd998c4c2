//! From models to code.
//!
//! What is generated names everything by absolute paths, stays short, and leaves the work to the
//! library. A call of a trait that a field's type must implement carries the span of that type, so
//! that rustc points there.

pub(crate) mod aggregate;
pub(crate) mod event;
pub(crate) mod fallback;
pub(crate) mod fields;
pub(crate) mod history;
pub(crate) mod value;

#[cfg(test)]
mod golden;

use proc_macro2::{Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::quote;

/// `Result<Self, WireError>`.
fn result(krate: &TokenStream) -> TokenStream {
    quote!(::core::result::Result<Self, #krate::wire::WireError>)
}

/// A number without a type's suffix.
fn number(number: u32) -> Literal {
    Literal::u32_unsuffixed(number)
}

/// The tokens as if they stood there: rustc points from the first to the last of what it reports.
fn standing_at(span: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            let inner = standing_at(span, group.stream());
            token = TokenTree::Group(Group::new(group.delimiter(), inner));
        }
        token.set_span(span);
        token
    });
    moved.collect()
}

/// A type's name as text, without `r#`.
fn text(ident: &Ident) -> String {
    syn::ext::IdentExt::unraw(ident).to_string()
}
