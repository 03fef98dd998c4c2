//! The mistakes of one type, collected so that all of them are reported in one pass.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Takes mistakes from every stage. A stage goes on after a mistake as far as it still makes sense.
#[derive(Default)]
pub(crate) struct Ctxt {
    errors: RefCell<Vec<syn::Error>>,
}

impl Ctxt {
    /// Reports a mistake at the given tokens. The message says what to write instead.
    pub(crate) fn error(&self, at: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(at, message));
    }

    /// Reports what the parser found.
    pub(crate) fn push(&self, error: syn::Error) {
        self.errors.borrow_mut().push(error);
    }

    /// The number of mistakes reported.
    pub(crate) fn count(&self) -> usize {
        self.errors.borrow().len()
    }

    /// The value, or a report of why there is none.
    pub(crate) fn ok<T>(&self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// The mistakes as `compile_error!` calls; `None` when there are none.
    pub(crate) fn into_compile_errors(self) -> Option<TokenStream> {
        let errors = self.errors.into_inner();
        (!errors.is_empty())
            .then(|| errors.iter().map(syn::Error::to_compile_error).collect::<TokenStream>())
    }
}
