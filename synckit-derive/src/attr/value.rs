//! `#[value(…)]` on a value type and on its variants.

use syn::{Attribute, Ident, Lit, LitInt, LitStr, Path};

use super::coding::{self, CodingAttr};
use super::{
    AttrPart, Locking, Version, entries, fill, flag, krate, lock, stray, text, unknown, version,
};
use crate::ctxt::Ctxt;
use crate::suggest::list;

const KEYS: &[&str] = &["name", "version", "lock", "crate"];

/// The content of `#[value(…)]` on a type.
#[derive(Default)]
pub(crate) struct ValueAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<Version>,
    pub(crate) lock: Option<Locking>,
    pub(crate) krate: Option<Path>,
}

impl ValueAttr {
    pub(crate) fn read(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let mut read = Self::default();
        for entry in entries(cx, attrs, "value", "#[value(version = 2)]") {
            let (key, given) = match entry {
                AttrPart::Literal(literal) => {
                    stray(cx, &literal, KEYS);
                    continue;
                }
                AttrPart::Keyed(key, given) => (key, given),
            };
            match key.to_string().as_str() {
                "name" => fill(cx, &mut read.name, &key, text(cx, &key, &given)),
                "version" => fill(cx, &mut read.version, &key, version(cx, &key, &given)),
                "lock" => fill(cx, &mut read.lock, &key, lock(cx, &key, &given)),
                "crate" => fill(cx, &mut read.krate, &key, krate(cx, &key, &given)),
                _ => unknown(cx, &key, KEYS),
            }
        }
        read
    }
}

/// The content of `#[value(…)]` on a variant, and of `#[field(…)]` on a field.
#[derive(Default)]
pub(crate) struct MemberAttr {
    pub(crate) number: Option<LitInt>,
    /// Its former name.
    pub(crate) was: Option<LitStr>,
    /// A field that older events lack has its type's default there.
    pub(crate) default: Option<()>,
    /// A field that is none of those that are gone.
    pub(crate) new: Option<()>,
    /// A variant that stands for unknown numbers.
    pub(crate) other: Option<Ident>,
    /// The way in which a field is written.
    pub(crate) coding: CodingAttr,
}

impl MemberAttr {
    /// `#[value(3, was = "…", other)]` on a variant.
    pub(crate) fn of_variant(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        Self::read(cx, attrs, "value", "variant", &["was", "other"])
    }

    /// `#[field(3, was = "…", default, new, with = …, revision = 1)]` on a field.
    pub(crate) fn of_field(cx: &Ctxt, attrs: &[Attribute]) -> Self {
        let keys = ["was", "default", "new", "with", "revision", "as", "schema"];
        Self::read(cx, attrs, "field", "field", &keys)
    }

    fn read(cx: &Ctxt, attrs: &[Attribute], helper: &str, what: &str, keys: &[&str]) -> Self {
        let example = format!("#[{helper}(3)]");
        let mut read = Self::default();
        for entry in entries(cx, attrs, helper, &example) {
            match &entry {
                AttrPart::Literal(Lit::Int(_)) if read.number.is_some() => {
                    cx.error(&entry, format!("duplicate number of a {what}; keep one"));
                }
                AttrPart::Literal(Lit::Int(number)) => read.number = Some(number.clone()),
                AttrPart::Keyed(key, given) if keys.contains(&key.to_string().as_str()) => {
                    match key.to_string().as_str() {
                        "was" => fill(cx, &mut read.was, key, text(cx, key, given)),
                        "default" => fill(cx, &mut read.default, key, flag(cx, key, given)),
                        "new" => fill(cx, &mut read.new, key, flag(cx, key, given)),
                        "with" => {
                            let module = coding::module(cx, key, given);
                            fill(cx, &mut read.coding.with, key, module);
                        }
                        "revision" => {
                            let revision = version(cx, key, given);
                            fill(cx, &mut read.coding.revision, key, revision);
                        }
                        "as" => fill(cx, &mut read.coding.form, key, text(cx, key, given)),
                        "schema" => fill(cx, &mut read.coding.schema, key, text(cx, key, given)),
                        _ => {
                            let other = flag(cx, key, given).map(|()| key.clone());
                            fill(cx, &mut read.other, key, other);
                        }
                    }
                }
                _ => {
                    let keys = list(keys);
                    let message = format!("expected a number, as in {example}, or one of {keys}");
                    cx.error(&entry, message);
                }
            }
        }
        read
    }
}
