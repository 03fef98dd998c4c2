//! Holds the models of the macros against the locks: reports what contradicts them, and gives what
//! follows as [`Resolved`]. The models stay as they are.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::LitStr;
use syn::ext::IdentExt as _;
use synckit_lock::{Family, INDEX, Lock, What, parse};

use super::diff::{Diff, Place, Source, SourceItem, SourceUpcast, diff};
use super::locate::Locks;
use super::resolved::Resolved;
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::ast::event::{Event, Kind, Origin};
use crate::ast::value::{Body, Value, Variant};
use crate::ast::{Field, History};
use crate::attr::Locking;
use crate::ctxt::Ctxt;

/// The kinds of an event type, in their order.
pub(crate) fn event(cx: &Ctxt, locks: &Locks, event: &Event<'_>) -> Vec<Resolved> {
    event.body.kinds().map(|kind| of_kind(cx, locks, kind)).collect()
}

fn of_kind(cx: &Ctxt, locks: &Locks, kind: &Kind<'_>) -> Resolved {
    let source = Source {
        historical: kind.historical,
        upcast: kind.upcast.as_ref().map(|upcast| SourceUpcast {
            by: upcast.by(),
            was: upcast.was.as_ref().map(LitStr::value),
            revision: upcast.revision,
        }),
        converts: kind.converts,
        commutes: kind.commutes,
        entries: kind.fields.iter().map(|field| field.entry(None)).collect(),
        ..Source::of(What::Event, &kind.name.text, kind.history.version)
    };
    if kind.name.origin == Origin::Missing {
        return Resolved::draft(&source, &locks.package);
    }
    let members = kind.fields.iter().map(Places::of_field).collect();
    let at = kind.upcast.as_ref().map(|upcast| upcast.from.to_token_stream());
    let spots = Spots { upcast: at, ..Spots::of(&kind.history, &kind.name.at, members) };
    resolve(cx, locks, &source, &spots)
}

/// A value type.
pub(crate) fn value(cx: &Ctxt, locks: &Locks, value: &Value<'_>) -> Resolved {
    let (what, (entries, members)) = match &value.body {
        Body::Struct(fields) => {
            let entries = fields.iter().map(|field| field.entry(None)).collect();
            (What::Value, (entries, fields.iter().map(Places::of_field).collect()))
        }
        Body::Plain(variants) => (What::Enum, of_variants(variants)),
        Body::OneOf(variants) => (What::OneOf, of_variants(variants)),
        Body::Union => {
            let source = Source::of(What::Value, &value.name, value.history.version);
            return Resolved::draft(&source, &locks.package);
        }
    };
    let source = Source {
        other: value.other.map(|other| other.unraw().to_string()),
        entries,
        ..Source::of(what, &value.name, value.history.version)
    };
    resolve(cx, locks, &source, &Spots::of(&value.history, &value.name_at, members))
}

fn of_variants(variants: &[Variant<'_>]) -> (Vec<SourceItem>, Vec<Places>) {
    let (mut entries, mut places) = (Vec::new(), Vec::new());
    for variant in variants {
        let at = entries.len();
        entries.push(SourceItem {
            is_variant: true,
            name: variant.ident.unraw().to_string(),
            was: variant.was.as_ref().map(LitStr::value),
            number: variant.number.given,
            default: variant.default,
            ..SourceItem::default()
        });
        let ident = variant.ident.to_token_stream();
        places.push(Places::of(ident, &variant.number.at, variant.was.as_ref()));
        entries.extend(variant.fields.iter().map(|field| field.entry(Some(at))));
        places.extend(variant.fields.iter().map(Places::of_field));
    }
    (entries, places)
}

/// An aggregate.
pub(crate) fn aggregate(cx: &Ctxt, locks: &Locks, aggregate: &Aggregate<'_>) -> Resolved {
    let entry = |field: &MergedField<'_>| SourceItem {
        name: field.name(),
        rule: Some(field.rule.law()),
        ..SourceItem::default()
    };
    let name = aggregate.name.as_ref().map(LitStr::value).unwrap_or_default();
    let source = Source {
        partial: aggregate.partial,
        edit_wins: aggregate.edit_wins(),
        entries: aggregate.fields.iter().map(entry).collect(),
        ..Source::of(What::Aggregate, &name, aggregate.history.version)
    };
    let Some(name) = &aggregate.name else { return Resolved::draft(&source, &locks.package) };
    let place = |field: &MergedField<'_>| Places {
        rule: field.rule_at.clone(),
        ..Places::of(field.ident.to_token_stream(), &TokenStream::new(), None)
    };
    let members = aggregate.fields.iter().map(place).collect();
    let (on_delete, name) = (aggregate.on_delete.as_ref(), name.to_token_stream());
    let on_delete = on_delete.map(|word| word.to_token_stream());
    let spots = Spots { on_delete, ..Spots::of(&aggregate.history, &name, members) };
    resolve(cx, locks, &source, &spots)
}

fn resolve(cx: &Ctxt, locks: &Locks, source: &Source, spots: &Spots<'_>) -> Resolved {
    let draft = Resolved::draft(source, &locks.package);
    if spots.history.locking == Some(Locking::None) {
        return draft;
    }
    let family = Family::from(source.what);
    if family.check(&source.name).is_err() {
        // No file has that name; what is wrong with it is reported where names are checked.
        return draft;
    }
    let file = family.path(&source.name);
    let text = match locks.read(family, &source.name) {
        Ok(Some(text)) => text,
        Ok(None) => {
            let former = former(locks, source);
            if !is_lost(cx, locks, source, &former, spots) {
                demand(cx, locks, source, None, spots);
            }
            return Resolved { watched: locks.watched(), former, ..draft };
        }
        Err(error) => {
            cx.error(spots.name, format!("{file} cannot be read: {error}"));
            return draft;
        }
    };
    match parse(&text) {
        Ok(lock) => {
            let diff = diff(source, &lock);
            demand(cx, locks, source, Some(&lock), spots);
            report(cx, &diff, spots);
            let history = lock.versions.iter();
            let history = history.filter_map(|version| Some((version.number, version.identity?)));
            let history = history.collect();
            Resolved { history, ..Resolved::locked(source, &locks.package, diff) }
        }
        Err(corrupt) => {
            cx.error(spots.name, format!("{file}, line {}: {}", corrupt.line, corrupt.problem));
            Resolved { is_tracked: true, ..draft }
        }
    }
}

/// The published value types that have the same fields or variants: the type may be one of them, renamed.
fn former(locks: &Locks, source: &Source) -> Vec<String> {
    if !source.what.is_value() {
        return Vec::new();
    }
    let is_alike = |lock: &Lock| {
        let items = &lock.last().items;
        let mut both = source.entries.iter().zip(items);
        lock.what == source.what
            && items.len() == source.entries.len()
            && both.all(|(entry, item)| {
                entry.name == item.name && entry.is_variant == item.shape.is_none()
            })
    };
    locks.values().into_iter().filter(is_alike).map(|lock| lock.name).collect()
}

/// Reports the lock of a type that has one for sure, and that is not there.
fn is_lost(
    cx: &Ctxt,
    locks: &Locks,
    source: &Source,
    former: &[String],
    spots: &Spots<'_>,
) -> bool {
    let family = Family::from(source.what);
    let (path, name) = (family.path(&source.name), &source.name);
    let restore = "restore it, and see that `schemas/` is copied, packaged and not ignored";
    let index = match locks.index() {
        Ok(index) => index,
        Err(problem) => {
            cx.error(spots.name, problem);
            return true;
        }
    };
    let problem = match index {
        Some(index) if index.lists(family, name) => {
            Some(format!("{path} is listed in schemas/{INDEX} and is not there; {restore}"))
        }
        None if !locks.blessing && locks.are_published() => Some(format!(
            "schemas/{INDEX} is not there, and Cargo.toml says `schemas = \"locked\"`; {restore}"
        )),
        _ if source.version > 1 => {
            let before = source.version - 1;
            let restore = match former {
                [] => restore.to_owned(),
                [first, ..] => format!(
                    "a type that was only renamed keeps its name in schemas: #[value(name = \"{first}\")]; \
                     otherwise {restore}"
                ),
            };
            Some(format!(
                "version {} of `{name}` follows version {before}, and {path} is not there; \
                 {restore}. A type that nobody has data of begins with version 1, and one that is \
                 never published says `lock = none`",
                source.version
            ))
        }
        _ => None,
    };
    let is_lost = problem.is_some();
    problem.into_iter().for_each(|problem| cx.error(spots.version(), problem));
    is_lost
}

/// Reports a draft where none is wanted.
fn demand(cx: &Ctxt, locks: &Locks, source: &Source, lock: Option<&Lock>, spots: &Spots<'_>) {
    let is_draft = match lock {
        None => true,
        Some(lock) => source.version == lock.last().number + 1 && !source.historical,
    };
    let why = match (spots.history.locking, locks.demanded) {
        (Some(Locking::Required), _) => "`lock = required`",
        (_, true) => "SYNCKIT_LOCKED",
        (_, false) => return,
    };
    if is_draft && !locks.blessing {
        let message = format!(
            "version {} of `{}` is not in {}, and {why} refuses drafts; append it with \
             SYNCKIT_BLESS=1 cargo test",
            source.version,
            source.name,
            Family::from(source.what).path(&source.name)
        );
        cx.error(spots.version(), message);
    }
}

fn report(cx: &Ctxt, diff: &Diff, spots: &Spots<'_>) {
    for finding in &diff.findings {
        let member = |index: usize, place: fn(&Places) -> &TokenStream| {
            spots.members.get(index).map_or(spots.name, place).clone()
        };
        let at = match finding.at {
            Place::Name => spots.name.clone(),
            Place::Version => spots.version(),
            Place::Upcast => spots.upcast.clone().unwrap_or_else(|| spots.name.clone()),
            Place::OnDelete => spots.on_delete.clone().unwrap_or_else(|| spots.name.clone()),
            Place::Item(index) => member(index, |places| &places.name),
            Place::Number(index) => member(index, |places| &places.number),
            Place::Was(index) => member(index, |places| &places.was),
            Place::Rule(index) => member(index, |places| &places.rule),
        };
        cx.error(at, &finding.message);
    }
}

/// The places of mistakes about a type.
struct Spots<'a> {
    history: &'a History,
    name: &'a TokenStream,
    /// The type that is converted.
    upcast: Option<TokenStream>,
    /// The word that says which wins, a deletion or a concurrent edit.
    on_delete: Option<TokenStream>,
    /// For each entry.
    members: Vec<Places>,
}

impl<'a> Spots<'a> {
    fn of(history: &'a History, name: &'a TokenStream, members: Vec<Places>) -> Self {
        Self { history, name, upcast: None, on_delete: None, members }
    }

    fn version(&self) -> TokenStream {
        let version = self.history.version_at.as_ref();
        version.map_or_else(|| self.name.clone(), |at| at.to_token_stream())
    }
}

/// The places of mistakes about an entry.
struct Places {
    name: TokenStream,
    number: TokenStream,
    was: TokenStream,
    rule: TokenStream,
}

impl Places {
    fn of(name: TokenStream, number: &TokenStream, was: Option<&LitStr>) -> Self {
        let was = was.map_or_else(|| name.clone(), |was| was.to_token_stream());
        Self { number: number.clone(), was, rule: name.clone(), name }
    }

    fn of_field(field: &Field<'_>) -> Self {
        let name = match &field.member {
            syn::Member::Named(ident) => ident.to_token_stream(),
            syn::Member::Unnamed(_) => field.ty.to_token_stream(),
        };
        Self::of(name, &field.number.at, field.was.as_ref())
    }
}

impl Field<'_> {
    fn entry(&self, variant: Option<usize>) -> SourceItem {
        SourceItem {
            variant,
            name: self.name.clone(),
            number: self.number.given,
            was: self.was.as_ref().map(LitStr::value),
            default: self.default,
            new: self.new,
            with: self.coding.with(),
            ..SourceItem::default()
        }
    }
}
