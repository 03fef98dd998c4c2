//! `#[event(…)]` on an event type and on its variants.

use syn::{Attribute, LitStr, Path};

use super::{
    AttrPart, Locking, Version, entries, fill, flag, krate, lock, stray, text, unknown, version,
};
use crate::ctxt::Ctxt;

const EXAMPLE: &str = "#[event(name = \"…\")]";

/// The content of `#[event(…)]`.
#[derive(Default)]
pub(crate) struct EventAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<Version>,
    pub(crate) commutes: Option<()>,
    pub(crate) flatten: Option<()>,
    /// True if it is an old version that is only read.
    pub(crate) historical: Option<()>,
    pub(crate) lock: Option<Locking>,
    pub(crate) krate: Option<Path>,
    /// True if something in it was reported, so that nothing is concluded from what is missing.
    pub(crate) mistaken: bool,
}

/// The item under `#[event(…)]`, which decides what it takes.
#[derive(Clone, Copy)]
pub(crate) enum EventItem {
    Struct,
    Enum,
    Variant,
}

impl EventItem {
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Struct => &["name", "version", "commutes", "historical", "lock", "crate"],
            Self::Enum => &["name", "version", "lock", "crate"],
            Self::Variant => &["name", "version", "commutes", "flatten"],
        }
    }
}

impl EventAttr {
    pub(crate) fn read(cx: &Ctxt, attrs: &[Attribute], place: EventItem) -> Self {
        let mut read = Self::default();
        let keys = place.keys();
        let before = cx.count();
        for entry in entries(cx, attrs, "event", EXAMPLE) {
            let (key, given) = match entry {
                AttrPart::Literal(literal) => {
                    stray(cx, &literal, keys);
                    continue;
                }
                AttrPart::Keyed(key, given) => (key, given),
            };
            match key.to_string().as_str() {
                typed if !keys.contains(&typed) => unknown(cx, &key, keys),
                "name" => fill(cx, &mut read.name, &key, text(cx, &key, &given)),
                "version" => fill(cx, &mut read.version, &key, version(cx, &key, &given)),
                "commutes" => fill(cx, &mut read.commutes, &key, flag(cx, &key, &given)),
                "historical" => fill(cx, &mut read.historical, &key, flag(cx, &key, &given)),
                "lock" => fill(cx, &mut read.lock, &key, lock(cx, &key, &given)),
                "flatten" => fill(cx, &mut read.flatten, &key, flag(cx, &key, &given)),
                _ => fill(cx, &mut read.krate, &key, krate(cx, &key, &given)),
            }
        }
        read.mistaken = cx.count() > before;
        read
    }
}
