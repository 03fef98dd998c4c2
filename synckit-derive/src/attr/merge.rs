//! `#[merge(…)]` on a field of an aggregate.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, Path};

use super::{AttrPart, Given, Version, entries};
use crate::case::snake;
use crate::ctxt::Ctxt;
use crate::rule::{self, Does, Function, Rule};
use crate::suggest::{did_you_mean, list};

/// The field's merge rule, and if its conflicts are not listed. A mistake is reported, and so is a
/// field without a rule.
pub(crate) fn read(cx: &Ctxt, attrs: &[Attribute], field: &Ident) -> Option<(Rule, bool)> {
    if !attrs.iter().any(|attr| attr.path().is_ident("merge")) {
        let rules = list(&rule::names());
        let message =
            format!("field `{field}` has no merge rule; add #[merge(…)] with one of {rules}");
        cx.error(field, message);
        return None;
    }
    let mut entries = entries(cx, attrs, "merge", "#[merge(lww)]").into_iter();
    let first = entries.next()?;
    let (mut quiet, mut revision, mut rest) = (false, None, Vec::new());
    for more in entries {
        match &more {
            AttrPart::Keyed(key, Given::Nothing) if key == "quiet" && !quiet => quiet = true,
            AttrPart::Keyed(key, given) if key == "revision" => {
                super::fill(cx, &mut revision, key, super::version(cx, key, given));
            }
            _ => rest.push(more),
        }
    }
    for more in rest {
        cx.error(&more, format!("field `{field}` has one merge rule; keep one of them"));
    }
    let rule = revised(cx, named(cx, &first)?, revision);
    Some((rule, quiet))
}

/// The rule in the revision that is written out.
fn revised(cx: &Ctxt, mut rule: Rule, revision: Option<Version>) -> Rule {
    let Some(Version { number, at }) = revision else { return rule };
    match &mut rule {
        Rule::By(Function { does: Does::Join { revision }, .. }) => *revision = number,
        _ => {
            cx.error(at, "`revision` counts the changes of a function: `with = path, revision = 2`")
        }
    }
    rule
}

/// The place of mistakes about the rule.
pub(crate) fn place(attrs: &[Attribute], field: &Ident) -> TokenStream {
    let attr = attrs.iter().find(|attr| attr.path().is_ident("merge"));
    let rule = attr.and_then(|attr| attr.meta.require_list().ok()).map(|list| list.tokens.clone());
    rule.unwrap_or_else(|| field.to_token_stream())
}

fn named(cx: &Ctxt, entry: &AttrPart) -> Option<Rule> {
    let names = rule::names();
    let AttrPart::Keyed(key, given) = entry else {
        cx.error(entry, format!("expected the name of a merge rule: {}", list(&names)));
        return None;
    };
    let typed = key.to_string();
    match (typed.as_str(), given) {
        ("map", Given::List(inner)) => return of_entries(cx, key, inner),
        ("map", _) => {
            let message =
                "expected the rule of the entries: `map(lww)`, `map(max)`, `map(counter)`";
            cx.error(entry, message);
            return None;
        }
        ("resolve", given) => return by(cx, entry, given, Does::Resolve, OF_WRITES),
        ("with", given) => return by(cx, entry, given, Does::Join { revision: 1 }, OF_VALUES),
        ("rule", Given::Value(path)) => return custom(cx, path),
        ("rule", _) => {
            cx.error(entry, "expected the marker type of a rule: `rule = path::Marker`");
            return None;
        }
        _ => {}
    }
    match (rule::find(&typed), given) {
        (Some(rule), Given::Nothing) => return Some(rule),
        (Some(_), Given::List(argument)) if typed == "set" => {
            match rule::find(&format!("set({argument})")) {
                Some(rule) => return Some(rule),
                None => cx.error(argument, "expected `set` or `set(remove_wins)`"),
            }
        }
        (Some(_), Given::List(argument)) if typed == "counter" && bounds(argument) => {
            cx.error(argument, UNBOUNDED);
        }
        (Some(_), _) => cx.error(entry, format!("`{typed}` stands alone: write #[merge({typed})]")),
        (None, _) => {
            let guess = did_you_mean(&typed, &names);
            let rules = list(&names);
            cx.error(key, format!("there is no merge rule `{typed}`, there are {rules}{guess}"));
        }
    }
    None
}

const UNBOUNDED: &str = "a counter cannot keep to a bound: two replicas that each take the last one \
    are both within it, and together beyond it, which no rule can undo; let the sum pass the bound \
    and act on that, or give each replica a share of its own in a `map(counter)`";

/// True for `min = …` and `max = …`.
fn bounds(argument: &TokenStream) -> bool {
    let key = argument.clone().into_iter().next().map(|key| key.to_string());
    matches!(key.as_deref(), Some("min" | "max"))
}

/// The rule `map(inner)`.
fn of_entries(cx: &Ctxt, key: &Ident, inner: &TokenStream) -> Option<Rule> {
    let (mut revision, mut rest) = (None, Vec::new());
    for part in super::parse(cx, inner.clone()) {
        match &part {
            AttrPart::Keyed(key, given) if key == "revision" => {
                super::fill(cx, &mut revision, key, super::version(cx, key, given));
            }
            _ => rest.push(part),
        }
    }
    let [first] = rest.as_slice() else {
        cx.error(key, "expected one rule for the entries: `map(lww)`");
        return None;
    };
    let rule = revised(cx, named(cx, first)?, revision);
    Some(Rule::Map(Box::new(rule)))
}

/// A rule that the library does not know.
fn custom(cx: &Ctxt, path: &TokenStream) -> Option<Rule> {
    match syn::parse2(path.clone()) {
        Ok(path) => Some(Rule::Custom(path)),
        Err(_) => {
            cx.error(path, "expected the marker type of a rule: `rule = path::Marker`");
            None
        }
    }
}

const OF_WRITES: &str = "expected a function of concurrent writes: `resolve = path::function`";
const OF_VALUES: &str = "expected a function that joins two values: `with = path::function`";

/// A function of the application that merges.
fn by(
    cx: &Ctxt,
    entry: &AttrPart,
    given: &Given,
    does: Does,
    expected: &'static str,
) -> Option<Rule> {
    let path = match given {
        Given::Value(path) => Path::parse_mod_style.parse2(path.clone()).ok(),
        _ => None,
    };
    if path.is_none() {
        match given {
            Given::Value(path) => cx.error(path, expected),
            _ => cx.error(entry, expected),
        }
    }
    path.map(|path| Rule::By(Function { path, does, stand_in: None }))
}

/// The arguments by which a struct with rules is read as an aggregate is, and those of the value type of
/// its operations.
pub(crate) fn of_struct(input: &DeriveInput) -> (TokenStream, TokenStream) {
    let (mut krate, mut value) = (None, TokenStream::new());
    for attr in input.attrs.iter().filter(|attr| attr.path().is_ident("value")) {
        if let Ok(list) = attr.meta.require_list() {
            value = list.tokens.clone();
        }
    }
    // Mistakes in them are reported where the value type is made.
    for part in super::parse(&Ctxt::default(), value.clone()) {
        if let AttrPart::Keyed(key, Given::Value(path)) = part
            && key == "crate"
        {
            krate = Some(quote!(, crate = #path));
        }
    }
    let name = snake(&input.ident.unraw().to_string());
    let suffix = format_ident!("{}Op", input.ident.unraw());
    (quote!(name = #name, lock = none, event_type = #suffix #krate), value)
}

/// Takes the attribute away from all fields: once the macro has run, nobody knows it any more.
pub(crate) fn strip(data: &mut Data) {
    let each: Vec<&mut Fields> = match data {
        Data::Struct(data) => vec![&mut data.fields],
        Data::Enum(data) => data.variants.iter_mut().map(|variant| &mut variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    for field in each.into_iter().flatten() {
        field.attrs.retain(|attr| !attr.path().is_ident("merge"));
    }
}

/// Reports conditional compilation of a field.
pub(crate) fn refuse_cfg(cx: &Ctxt, attrs: &[Attribute], field: &Ident) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("cfg")) {
        let message = format!(
            "field `{field}` cannot be conditional, because every program must merge the same \
             fields; remove the condition"
        );
        cx.error(attr.to_token_stream(), message);
    }
}
