//! `with` and `revision`, or `as` and `schema`, in `#[field(…)]`: fields whose types are no values.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::{Ident, LitStr, Path};
use synckit_lock::Family;

use super::{Given, Version, spot};
use crate::ctxt::Ctxt;

const EXAMPLE: &str = "#[field(as = \"json\", schema = \"geojson@1\")]";

/// The way in which a field is written.
pub(crate) enum Coding {
    /// As its type is.
    Own,
    /// As JSON, by serde, under a name and a version in schemas.
    Json { name: String, version: u32 },
    /// As the value that a module makes of it, which was changed on purpose so many times.
    With { module: Path, revision: u32 },
}

/// The keys, as they are read.
#[derive(Default)]
pub(crate) struct CodingAttr {
    pub(crate) with: Option<Path>,
    pub(crate) form: Option<LitStr>,
    pub(crate) schema: Option<LitStr>,
    pub(crate) revision: Option<Version>,
}

impl CodingAttr {
    /// The coding. A mistake is reported.
    pub(crate) fn coding(self, cx: &Ctxt) -> Coding {
        if let (None, Some(revision)) = (&self.with, &self.revision) {
            cx.error(&revision.at, "expected `with = module` before it, whose change it confirms");
        }
        let revision = self.revision.map_or(0, |revision| revision.number);
        match (self.with, self.form, self.schema) {
            (None, None, None) => Coding::Own,
            (Some(module), None, None) => Coding::With { module, revision },
            (Some(with), ..) => {
                cx.error(with, "expected either `with = module` or `as = \"json\"`; keep one");
                Coding::Own
            }
            (None, Some(form), _) if form.value() != "json" => {
                cx.error(&form, format!("expected `as = \"json\"`, as in {EXAMPLE}"));
                Coding::Own
            }
            (None, Some(form), None) => {
                let message = format!(
                    "missing key `schema`, a name and a version for what is in the JSON: {EXAMPLE}"
                );
                cx.error(&form, message);
                Coding::Own
            }
            (None, None, Some(schema)) => {
                cx.error(&schema, format!("expected `as = \"json\"` before it: {EXAMPLE}"));
                Coding::Own
            }
            (None, Some(_), Some(schema)) => named(&schema.value()).unwrap_or_else(|| {
                let message = format!("expected a name and a version, as in {EXAMPLE}");
                cx.error(&schema, message);
                Coding::Own
            }),
        }
    }
}

fn named(schema: &str) -> Option<Coding> {
    let (name, version) = schema.split_once('@')?;
    Family::Value.check(name).ok()?;
    let number: u32 = version.parse().ok().filter(|number| *number > 0)?;
    let is_plain = version == number.to_string();
    is_plain.then(|| Coding::Json { name: name.to_owned(), version: number })
}

/// `with = module`
pub(super) fn module(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Path> {
    let parsed = match given {
        Given::Value(value) => syn::parse2(value.clone()).ok(),
        _ => None,
    };
    if parsed.is_none() {
        let message = "expected the path of a module with a type `Value` and the functions `to_value` and \
                       `from_value`: `with = module`";
        cx.error(spot(key, given), message);
    }
    parsed
}

impl Coding {
    /// The path of the module and its revision, as locks have them.
    pub(crate) fn with(&self) -> Option<String> {
        let Self::With { module, revision } = self else { return None };
        let text: TokenStream = module.to_token_stream();
        let path: String = text.to_string().split_whitespace().collect();
        Some(if *revision > 0 { format!("{path}@{revision}") } else { path })
    }
}
