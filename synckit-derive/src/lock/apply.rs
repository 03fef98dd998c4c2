//! Holds the models of the macros against the locks: numbers and demands go in, findings come out.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::ext::IdentExt as _;

use super::diff::{Demand, Diff, Entry, Place, Source, diff};
use super::locate::{Locks, path};
use super::{Lock, What, parse};
use crate::ast::aggregate::Aggregate;
use crate::ast::event::{Body as EventBody, Content, Event, Kind, Origin};
use crate::ast::value::{Body as ValueBody, Value};
use crate::ast::{Field, History};
use crate::ctxt::Ctxt;

pub(crate) fn event(cx: &Ctxt, locks: &Locks, event: &mut Event) {
    match &mut event.body {
        EventBody::Struct(of_struct) => kind(cx, locks, of_struct),
        EventBody::Enum { variants, .. } => {
            for variant in variants {
                if let Content::Kind(of_variant) = &mut variant.content {
                    kind(cx, locks, of_variant);
                }
            }
        }
        EventBody::Union => {}
    }
}

fn kind(cx: &Ctxt, locks: &Locks, kind: &mut Kind) {
    kind.history.package = Some(locks.package.clone());
    if kind.name.origin == Origin::Missing {
        return;
    }
    let source = Source {
        historical: kind.historical,
        upcast: kind.converts,
        entries: kind.fields.iter().map(|field| field.entry(None)).collect(),
        ..Source::of(What::Event, &kind.name.text, &kind.history)
    };
    let Some(mut diff) = hold(cx, locks, &source, &mut kind.history, &kind.name.at) else { return };
    let places: Vec<_> = kind.fields.iter().map(Places::of_field).collect();
    report(cx, &diff, &kind.history, &kind.name.at, &places);
    take_in(&mut kind.fields, &mut diff, 0);
    kind.history.take_in(diff);
}

pub(crate) fn value(cx: &Ctxt, locks: &Locks, value: &mut Value) {
    value.history.package = Some(locks.package.clone());
    let (what, entries, places) = match &value.body {
        ValueBody::Struct(fields) => {
            let entries = fields.iter().map(|field| field.entry(None)).collect();
            (What::Value, entries, fields.iter().map(Places::of_field).collect())
        }
        ValueBody::Plain(_) => of_variants(What::Enum, &value.body),
        ValueBody::OneOf(_) => of_variants(What::OneOf, &value.body),
        ValueBody::Union => return,
    };
    let source = Source {
        other: value.other.as_ref().map(|other| other.unraw().to_string()),
        entries,
        ..Source::of(what, &value.name, &value.history)
    };
    let Some(mut diff) = hold(cx, locks, &source, &mut value.history, &value.name_at) else {
        return;
    };
    report(cx, &diff, &value.history, &value.name_at, &places);
    match &mut value.body {
        ValueBody::Struct(fields) => take_in(fields, &mut diff, 0),
        ValueBody::Plain(variants) | ValueBody::OneOf(variants) => {
            let mut at = 0;
            for variant in variants {
                variant.number = diff.numbers.get(at).copied().unwrap_or(variant.number);
                take_in(&mut variant.fields, &mut diff, at + 1);
                at += 1 + variant.fields.len();
            }
        }
        ValueBody::Union => {}
    }
    value.history.take_in(diff);
}

fn of_variants(what: What, body: &ValueBody) -> (What, Vec<Entry>, Vec<Places>) {
    let (mut entries, mut places) = (Vec::new(), Vec::new());
    let (ValueBody::Plain(variants) | ValueBody::OneOf(variants)) = body else {
        return (what, entries, places);
    };
    for variant in variants {
        let at = entries.len();
        let name = variant.ident.unraw().to_string();
        let was = variant.was.as_ref().map(syn::LitStr::value);
        entries.push(Entry {
            is_variant: true,
            name,
            was,
            number: variant.given,
            ..Entry::default()
        });
        let ident = variant.ident.to_token_stream();
        places.push(Places::of(ident, &variant.at, variant.was.as_ref()));
        entries.extend(variant.fields.iter().map(|field| field.entry(Some(at))));
        places.extend(variant.fields.iter().map(Places::of_field));
    }
    (what, entries, places)
}

pub(crate) fn aggregate(cx: &Ctxt, locks: &Locks, aggregate: &mut Aggregate) {
    aggregate.history.package = Some(locks.package.clone());
    let Some(name) = aggregate.name.clone() else { return };
    let entry = |field: &crate::ast::aggregate::MergedField| Entry {
        name: field.name(),
        rule: Some(field.rule.name.to_owned()),
        ..Entry::default()
    };
    let source = Source {
        entries: aggregate.fields.iter().map(entry).collect(),
        ..Source::of(What::Aggregate, &name.value(), &aggregate.history)
    };
    let name_at = name.to_token_stream();
    let Some(diff) = hold(cx, locks, &source, &mut aggregate.history, &name_at) else { return };
    let place = |field: &crate::ast::aggregate::MergedField| Places {
        rule: field.rule_at.clone(),
        ..Places::of(field.ident.to_token_stream(), &TokenStream::new(), None)
    };
    let places: Vec<_> = aggregate.fields.iter().map(place).collect();
    report(cx, &diff, &aggregate.history, &name_at, &places);
    for (index, field) in aggregate.fields.iter_mut().enumerate() {
        if let (Some(number), Some(since)) = (diff.numbers.get(index), diff.since.get(index)) {
            (field.number, field.since) = (*number, since.clone());
            field.demand = diff.types[index].clone();
        }
    }
    aggregate.since = diff.first;
    aggregate.history.take_in(diff);
}

/// The difference from the lock; `None` when there is no lock, or none that can be read.
fn hold(
    cx: &Ctxt,
    locks: &Locks,
    source: &Source,
    history: &mut History,
    name_at: &TokenStream,
) -> Option<Diff> {
    let file = path(&source.name);
    let text = match locks.read(&source.name) {
        Ok(text) => text,
        Err(error) => {
            cx.error(name_at, format!("{file} cannot be read: {error}"));
            return None;
        }
    };
    history.is_tracked = text.is_some();
    let lock = match text.as_deref().map(parse::parse) {
        Some(Err(corrupt)) => {
            cx.error(name_at, format!("{file}, line {}: {}", corrupt.line, corrupt.problem));
            return None;
        }
        read => read.and_then(Result::ok),
    };
    let found = lock.as_ref().map(|lock| diff(source, lock));
    demand(cx, locks, source, history, lock.as_ref(), name_at);
    found
}

/// Reports a draft where none is wanted.
fn demand(
    cx: &Ctxt,
    locks: &Locks,
    source: &Source,
    history: &History,
    lock: Option<&Lock>,
    name_at: &TokenStream,
) {
    let is_draft = match lock {
        None => true,
        Some(lock) => source.version == lock.last().number + 1 && !source.historical,
    };
    let why = match (history.required, locks.demanded) {
        (true, _) => "`lock = required`",
        (false, true) => "SYNCKIT_LOCKED",
        (false, false) => return,
    };
    if is_draft && !locks.blessing {
        let at =
            history.version_at.as_ref().map_or_else(|| name_at.clone(), |at| at.to_token_stream());
        let message = format!(
            "version {} of `{}` is not in {}, and {why} refuses drafts; append it with \
             SYNCKIT_BLESS=1 cargo test",
            source.version,
            source.name,
            path(&source.name)
        );
        cx.error(at, message);
    }
}

/// Where a mistake about an entry is.
struct Places {
    name: TokenStream,
    number: TokenStream,
    was: TokenStream,
    rule: TokenStream,
}

impl Places {
    fn of(name: TokenStream, number: &TokenStream, was: Option<&syn::LitStr>) -> Self {
        let was = was.map_or_else(|| name.clone(), |was| was.to_token_stream());
        Self { number: number.clone(), was, rule: name.clone(), name }
    }

    fn of_field(field: &Field) -> Self {
        let name = match &field.member {
            syn::Member::Named(ident) => ident.to_token_stream(),
            syn::Member::Unnamed(_) => field.ty.to_token_stream(),
        };
        Self::of(name, &field.at, field.was.as_ref())
    }
}

fn report(cx: &Ctxt, diff: &Diff, history: &History, name_at: &TokenStream, places: &[Places]) {
    for finding in &diff.findings {
        let at = match finding.at {
            Place::Name => name_at.clone(),
            Place::Version => match &history.version_at {
                Some(at) => at.to_token_stream(),
                None => name_at.clone(),
            },
            Place::Entry(index) => places[index].name.clone(),
            Place::Number(index) => places[index].number.clone(),
            Place::Was(index) => places[index].was.clone(),
            Place::Rule(index) => places[index].rule.clone(),
        };
        cx.error(at, &finding.message);
    }
}

fn take_in(fields: &mut [Field], diff: &mut Diff, first: usize) {
    if diff.numbers.is_empty() {
        return;
    }
    for (index, field) in fields.iter_mut().enumerate() {
        field.number = diff.numbers[first + index];
        field.demand = std::mem::replace(&mut diff.types[first + index], Demand::Free);
    }
}

impl History {
    fn take_in(&mut self, diff: Diff) {
        self.is_locked = diff.locked;
        self.min_reader = diff.min_reader;
        self.reserved = diff.reserved;
        self.readable_from = diff.readable_from;
    }
}

impl Source {
    fn of(what: What, name: &str, history: &History) -> Self {
        Self {
            what,
            name: name.to_owned(),
            version: history.version,
            historical: false,
            upcast: false,
            other: None,
            entries: Vec::new(),
        }
    }
}

impl Field {
    fn entry(&self, variant: Option<usize>) -> Entry {
        Entry {
            variant,
            name: self.name.clone(),
            number: self.given,
            was: self.was.as_ref().map(syn::LitStr::value),
            default: self.default,
            ..Entry::default()
        }
    }
}
