//! The arguments of `#[sync_aggregate(…)]`.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Path, Token};

use super::{
    AttrPart, Given, Locking, Version, fill, krate, lock, parse, spot, stray, text, unknown,
    version,
};
use crate::ctxt::Ctxt;

const KEYS: &[&str] = &[
    "name",
    "version",
    "events",
    "retired",
    "on_delete",
    "event_type",
    "ops_type",
    "field_type",
    "lock",
    "crate",
];

/// Says that edits win over concurrent deletions.
pub(crate) const EDIT_WINS: &str = "edit_wins";

/// The arguments.
#[derive(Default)]
pub(crate) struct AggregateAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<Version>,
    pub(crate) events: Option<Vec<Path>>,
    /// Events that are only read any more.
    pub(crate) retired: Option<Vec<Path>>,
    /// `delete_wins` or `edit_wins`.
    pub(crate) on_delete: Option<Ident>,
    /// The name of the event enum.
    pub(crate) event_type: Option<Ident>,
    /// The name of the handles.
    pub(crate) ops_type: Option<Ident>,
    /// The name of the enum of fields.
    pub(crate) field_type: Option<Ident>,
    pub(crate) lock: Option<Locking>,
    pub(crate) krate: Option<Path>,
    /// True if something in it was reported, so that nothing is concluded from what is missing.
    pub(crate) mistaken: bool,
}

impl AggregateAttr {
    pub(crate) fn read(cx: &Ctxt, arguments: TokenStream) -> Self {
        let mut read = Self::default();
        let before = cx.count();
        for entry in parse(cx, arguments) {
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
                "events" => fill(cx, &mut read.events, &key, paths(cx, &key, &given)),
                "retired" => fill(cx, &mut read.retired, &key, paths(cx, &key, &given)),
                "on_delete" => fill(cx, &mut read.on_delete, &key, on_delete(cx, &key, &given)),
                "event_type" => fill(cx, &mut read.event_type, &key, ident(cx, &key, &given)),
                "ops_type" => fill(cx, &mut read.ops_type, &key, ident(cx, &key, &given)),
                "field_type" => fill(cx, &mut read.field_type, &key, ident(cx, &key, &given)),
                "lock" => fill(cx, &mut read.lock, &key, lock(cx, &key, &given)),
                "crate" => fill(cx, &mut read.krate, &key, krate(cx, &key, &given)),
                _ => unknown(cx, &key, KEYS),
            }
        }
        read.mistaken = cx.count() > before;
        read
    }
}

fn paths(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Vec<Path>> {
    let parser = |input: ParseStream<'_>| {
        Punctuated::<Path, Token![,]>::parse_terminated_with(input, Path::parse_mod_style)
    };
    let parsed = match given {
        Given::List(content) => parser.parse2(content.clone()).ok(),
        _ => None,
    };
    if parsed.is_none() {
        let message = format!("expected a list of event types: `{key}(Signed, Closed)`");
        cx.error(spot(key, given), message);
    }
    parsed.map(|paths| paths.into_iter().collect())
}

fn on_delete(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Ident> {
    let word = match given {
        Given::Value(value) => syn::parse2::<Ident>(value.clone()).ok(),
        _ => None,
    };
    let known = word.filter(|word| word == "delete_wins" || word == EDIT_WINS);
    if known.is_none() {
        let message = "expected `on_delete = edit_wins`, or `on_delete = delete_wins`, which holds \
            when nothing is said";
        cx.error(spot(key, given), message);
    }
    known
}

fn ident(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Ident> {
    let parsed = match given {
        Given::Value(value) => syn::parse2::<Ident>(value.clone()).ok(),
        _ => None,
    };
    if parsed.is_none() {
        let example = match key.to_string().as_str() {
            "event_type" => "Happening",
            "ops_type" => "Handles",
            _ => "Column",
        };
        cx.error(spot(key, given), format!("expected the name of a type: `{key} = {example}`"));
    }
    parsed
}
