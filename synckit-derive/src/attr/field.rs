//! `#[field(…)]` on a field.

use syn::{Attribute, LitInt};

use super::value::sole_number;
use crate::ctxt::Ctxt;

/// `#[field(3)]`.
pub(crate) fn number(cx: &Ctxt, attrs: &[Attribute]) -> Option<LitInt> {
    sole_number(cx, attrs, "field", "#[field(3)]", "a field has one number")
}

/// Reports helper attributes that stand where they say nothing.
pub(crate) fn refuse(cx: &Ctxt, attrs: &[Attribute], helper: &str, instead: &str) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(helper)) {
        cx.error(attr, format!("#[{helper}(…)] says nothing here; {instead}"));
    }
}
