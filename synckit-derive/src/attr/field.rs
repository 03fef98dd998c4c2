//! Helper attributes in places where they mean nothing.

use syn::Attribute;

use crate::ctxt::Ctxt;

/// Reports them.
pub(crate) fn refuse(cx: &Ctxt, attrs: &[Attribute], helper: &str, instead: &str) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(helper)) {
        cx.error(attr, format!("unexpected attribute #[{helper}(…)]; {instead}"));
    }
}
