//! `#[upcast(from = Old, with = path)]` on an event type; `was` is the function's former path,
//! `revision` counts its changes.

use quote::ToTokens as _;
use syn::parse::Parser as _;
use syn::{Attribute, Ident, LitStr, Path};

use super::{AttrPart, Given, entries, fill, spot, stray, text, unknown, version};
use crate::ctxt::Ctxt;

const EXAMPLE: &str = "#[upcast(from = Old, with = convert)]";
const KEYS: &[&str] = &["from", "with", "was", "revision"];

/// The conversion of events of older versions.
pub(crate) struct Upcast {
    /// The type of the version before.
    pub(crate) from: Path,
    /// The function, or `None` for `From`.
    pub(crate) with: Option<Path>,
    /// The path that a lock has of a function that was moved or renamed.
    pub(crate) was: Option<LitStr>,
    /// The number of times that the function was changed on purpose.
    pub(crate) revision: u32,
}

impl Upcast {
    pub(crate) fn read(cx: &Ctxt, attrs: &[Attribute]) -> Option<Self> {
        let place = attrs.iter().find(|attr| attr.path().is_ident("upcast"))?;
        let (mut from, mut with, mut was, mut revision) = (None, None, None, None);
        let before = cx.count();
        for entry in entries(cx, attrs, "upcast", EXAMPLE) {
            let (key, given) = match entry {
                AttrPart::Literal(literal) => {
                    stray(cx, &literal, KEYS);
                    continue;
                }
                AttrPart::Keyed(key, given) => (key, given),
            };
            match key.to_string().as_str() {
                "from" => fill(cx, &mut from, &key, path(cx, &key, &given)),
                "with" => fill(cx, &mut with, &key, path(cx, &key, &given)),
                "was" => fill(cx, &mut was, &key, text(cx, &key, &given)),
                "revision" => fill(cx, &mut revision, &key, version(cx, &key, &given)),
                _ => unknown(cx, &key, KEYS),
            }
        }
        if from.is_none() && cx.count() == before {
            let message = format!("missing key `from`, the type of the old events: {EXAMPLE}");
            cx.error(place.to_token_stream(), message);
        }
        let revision = revision.map_or(0, |revision| revision.number);
        from.map(|from| Self { from, with, was, revision })
    }

    /// The path of the function as locks have it.
    pub(crate) fn by(&self) -> String {
        match &self.with {
            Some(with) => {
                let path = with.to_token_stream().to_string();
                path.split_whitespace().collect()
            }
            None => "From".to_owned(),
        }
    }

    /// Reports it where events cannot be converted.
    pub(crate) fn refuse(cx: &Ctxt, attrs: &[Attribute], instead: &str) {
        super::field::refuse(cx, attrs, "upcast", instead);
    }
}

fn path(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Path> {
    let parsed = match given {
        Given::Value(value) => syn::parse2::<Path>(value.clone())
            .or_else(|_| Path::parse_mod_style.parse2(value.clone()))
            .ok(),
        _ => None,
    };
    if parsed.is_none() {
        let what =
            if key == "from" { "a type: `from = Old`" } else { "a function: `with = convert`" };
        cx.error(spot(key, given), format!("expected the path of {what}"));
    }
    parsed
}
