//! What `#[sync_aggregate]` understands.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Path, Type, Visibility};

use super::{History, krate};
use crate::attr;
use crate::attr::aggregate::AggregateAttr;
use crate::case::{camel, snake};
use crate::ctxt::Ctxt;
use crate::lock::diff::{Demand, MinReader};
use crate::rule::{Operation, Rule};

/// An aggregate.
pub(crate) struct Aggregate {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) krate: TokenStream,
    /// The name in stored bytes; `None` when it is missing, which has been reported.
    pub(crate) name: Option<LitStr>,
    pub(crate) history: History,
    /// The lowest version whose readers may apply its creation: the first one.
    pub(crate) since: u32,
    pub(crate) fields: Vec<MergedField>,
    pub(crate) events: Vec<DomainEvent>,
}

/// A field and the rule that merges it.
pub(crate) struct MergedField {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) rule: &'static Rule,
    /// Where a mistake about the rule is.
    pub(crate) rule_at: TokenStream,
    /// The number in the aggregate's schema and state.
    pub(crate) number: u32,
    /// What its type has to be.
    pub(crate) demand: Demand,
    /// The lowest version whose readers may apply its events.
    pub(crate) since: MinReader,
}

/// A type in `events(…)`.
pub(crate) struct DomainEvent {
    pub(crate) path: Path,
    /// The variant that wraps it.
    pub(crate) variant: Ident,
}

impl Aggregate {
    pub(crate) fn read(cx: &Ctxt, arguments: TokenStream, input: &DeriveInput) -> Self {
        let attr = AggregateAttr::read(cx, arguments);
        let ident = input.ident.clone();
        if attr.name.is_none() && !attr.mistaken {
            let proposed = snake(&ident.unraw().to_string());
            let message = format!(
                "`{ident}` has no name in stored bytes; \
                 write #[sync_aggregate(name = \"{proposed}\")]"
            );
            cx.error(&ident, message);
        }
        let history = History::draft(attr.version, attr.lock.is_some());
        let mut fields = fields(cx, input);
        for (number, field) in (1..).zip(&mut fields) {
            (field.number, field.since) = (number, MinReader::Is(history.version));
        }
        Self {
            vis: input.vis.clone(),
            krate: krate(attr.krate.as_ref()),
            name: attr.name,
            since: history.version,
            history,
            fields,
            events: attr.events.into_iter().flatten().filter_map(DomainEvent::of).collect(),
            ident,
        }
    }
}

fn fields(cx: &Ctxt, input: &DeriveInput) -> Vec<MergedField> {
    let ident = &input.ident;
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => {
                fields.named.iter().filter_map(|field| MergedField::read(cx, field)).collect()
            }
            _ => {
                let message = format!(
                    "an aggregate has named fields, each with a merge rule: \
                     `struct {ident} {{ #[merge(lww)] title: String }}`"
                );
                cx.error(ident, message);
                Vec::new()
            }
        },
        Data::Enum(_) | Data::Union(_) => {
            let message = format!(
                "an aggregate is a struct; make `{ident}` a value with #[derive(SyncValue)] \
                 and put it into a field"
            );
            cx.error(ident, message);
            Vec::new()
        }
    }
}

impl MergedField {
    fn read(cx: &Ctxt, field: &syn::Field) -> Option<Self> {
        let ident = field.ident.clone()?;
        attr::merge::refuse_cfg(cx, &field.attrs, &ident);
        let rule = attr::merge::read(cx, &field.attrs, &ident);
        let read = Self {
            ty: field.ty.clone(),
            rule: rule?,
            rule_at: attr::merge::place(&field.attrs, &ident),
            ident,
            number: 0,
            demand: Demand::Free,
            since: MinReader::Is(0),
        };
        if syn::parse_str::<Ident>(&read.variant_text("Set")).is_err() {
            let message = format!(
                "no variant can be named after `{}`; let the field's name begin with a letter",
                read.ident
            );
            cx.error(&read.ident, message);
            return None;
        }
        Some(read)
    }

    /// The field's name in schemas and messages.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// What the field's events and constants are named after.
    pub(crate) fn stem(&self) -> String {
        snake(&self.name())
    }

    /// The variant of an operation.
    pub(crate) fn variant(&self, operation: &Operation) -> Ident {
        format_ident!("{}", self.variant_text(operation.variant), span = self.ident.span())
    }

    /// The last part of the name of an operation's event.
    pub(crate) fn event(&self, operation: &Operation) -> String {
        format!("{}_{}", self.stem(), operation.event)
    }

    fn variant_text(&self, suffix: &str) -> String {
        camel(&self.name()) + suffix
    }
}

impl DomainEvent {
    fn of(path: Path) -> Option<Self> {
        let variant = path.segments.last()?.ident.clone();
        Some(Self { path, variant })
    }
}
