//! Model of an aggregate, as `#[sync_aggregate]` understands it.

mod names;

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Path, Type, Visibility};

use self::names::Taken;
use super::{History, krate};
use crate::attr;
use crate::attr::aggregate::{AggregateAttr, EDIT_WINS};
use crate::case::{camel, snake};
use crate::ctxt::Ctxt;
use crate::rule::{Operation, Rule};

/// An aggregate. No two of the names that its parts generate are equal.
pub(crate) struct Aggregate<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    pub(crate) krate: TokenStream,
    /// The name in stored bytes; `None` when it is missing, which has been reported.
    pub(crate) name: Option<LitStr>,
    pub(crate) history: History,
    pub(crate) fields: Vec<MergedField<'a>>,
    pub(crate) events: Vec<DomainEvent>,
    /// The word that says which wins, a deletion or a concurrent edit.
    pub(crate) on_delete: Option<Ident>,
    /// The event enum's name, if it is written out.
    pub(crate) event_type: Option<Ident>,
    /// The handles' name, if it is written out.
    pub(crate) ops_type: Option<Ident>,
    /// The name of the enum of fields, if it is written out.
    pub(crate) field_type: Option<Ident>,
    /// True if a mistaken field was left out.
    pub(crate) partial: bool,
}

/// A field and the rule that merges it.
pub(crate) struct MergedField<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) rule: Rule,
    /// True if its conflicts are not listed.
    pub(crate) quiet: bool,
    /// The place of mistakes about the rule.
    pub(crate) rule_at: TokenStream,
    pub(crate) operations: Vec<Operation>,
    /// The reason why the rule does not merge the type, if its spelling tells. No operations then.
    pub(crate) refused: Option<String>,
}

/// A type in `events(…)` or `retired(…)`.
pub(crate) struct DomainEvent {
    pub(crate) path: Path,
    /// True if it is only read any more.
    pub(crate) retired: bool,
    /// The variant that wraps it.
    pub(crate) variant: Ident,
}

impl<'a> Aggregate<'a> {
    pub(crate) fn read(cx: &Ctxt, arguments: TokenStream, input: &'a DeriveInput) -> Self {
        let attr = AggregateAttr::read(cx, arguments);
        let ident = &input.ident;
        if attr.name.is_none() && !attr.mistaken {
            let proposed = snake(&ident.unraw().to_string());
            let message = format!(
                "missing name of `{ident}` in stored bytes; \
                 write #[sync_aggregate(name = \"{proposed}\")]"
            );
            cx.error(ident, message);
        }
        let before = cx.count();
        let mut taken = Taken::default();
        let krate = krate(attr.krate.as_ref());
        let fields =
            fields(cx, input, &krate).into_iter().filter(|field| taken.by_field(cx, field));
        let fields: Vec<_> = fields.collect();
        let partial = cx.count() > before;
        let listed = attr.events.into_iter().flatten();
        let listed = listed.filter_map(|path| DomainEvent::of(path, false));
        let retired = attr.retired.into_iter().flatten();
        let retired = retired.filter_map(|path| DomainEvent::of(path, true));
        let events = listed.chain(retired);
        Self {
            ident,
            vis: &input.vis,
            krate,
            name: attr.name,
            history: History::of(attr.version, attr.lock),
            fields,
            events: events.filter(|event| taken.by_event(cx, event)).collect(),
            on_delete: attr.on_delete,
            event_type: attr.event_type,
            ops_type: attr.ops_type,
            field_type: attr.field_type,
            partial,
        }
    }

    /// True if edits win over concurrent deletions.
    pub(crate) fn edit_wins(&self) -> bool {
        self.on_delete.as_ref().is_some_and(|word| word == EDIT_WINS)
    }
}

fn fields<'a>(cx: &Ctxt, input: &'a DeriveInput, krate: &TokenStream) -> Vec<MergedField<'a>> {
    let ident = &input.ident;
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => fields
                .named
                .iter()
                .filter_map(|field| MergedField::read(cx, field, krate, ident))
                .collect(),
            _ => {
                let message = format!(
                    "expected named fields, each with a merge rule: \
                     `struct {ident} {{ #[merge(lww)] title: String }}`"
                );
                cx.error(ident, message);
                Vec::new()
            }
        },
        Data::Enum(_) | Data::Union(_) => {
            let message = format!(
                "expected a struct; make `{ident}` a value with #[derive(SyncValue)] and put it \
                 into a field of an aggregate"
            );
            cx.error(ident, message);
            Vec::new()
        }
    }
}

impl<'a> MergedField<'a> {
    fn read(
        cx: &Ctxt,
        field: &'a syn::Field,
        krate: &TokenStream,
        aggregate: &Ident,
    ) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        attr::merge::refuse_cfg(cx, &field.attrs, ident);
        let (mut rule, quiet) = attr::merge::read(cx, &field.attrs, ident)?;
        if let Some(function) = rule.function_mut() {
            let name = camel(&ident.unraw().to_string());
            function.stand_in = Some(format_ident!("__{}{name}", aggregate.unraw()));
        }
        if let Some(check) = rule.check_mut() {
            let (of, name) =
                (snake(&aggregate.unraw().to_string()), snake(&ident.unraw().to_string()));
            *check = Some(format_ident!("__{}_{}", of.to_uppercase(), name.to_uppercase()));
        }
        let rule_at = attr::merge::place(&field.attrs, ident);
        let (ty, refused) = (&field.ty, rule.refuses(&field.ty));
        let operations = match &refused {
            Some(_) => Vec::new(),
            None => rule.operations(krate, ty),
        };
        let read = Self { ident, ty, rule, quiet, rule_at, operations, refused };
        let names = [read.ident.to_string(), read.variant_text("Set")];
        if names.iter().any(|name| syn::parse_str::<Ident>(name).is_err()) {
            let message = format!(
                "expected a field name that begins with a letter: no variant can be named after `{}`",
                read.ident
            );
            cx.error(read.ident, message);
            return None;
        }
        Some(read)
    }

    /// The field's name in schemas and messages.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// The stem of the names of the field's events and constants.
    pub(crate) fn stem(&self) -> String {
        snake(&self.name())
    }

    /// The variant of an operation.
    pub(crate) fn variant(&self, operation: &Operation) -> Ident {
        format_ident!("{}", self.variant_text(&operation.variant), span = self.ident.span())
    }

    /// The last part of the name of an operation's event.
    pub(crate) fn event(&self, operation: &Operation) -> String {
        format!("{}_{}", self.stem(), operation.event)
    }

    /// The variant that stands for it among the fields.
    pub(crate) fn key(&self) -> Ident {
        format_ident!("{}", self.variant_text(""), span = self.ident.span())
    }

    fn variant_text(&self, suffix: &str) -> String {
        camel(&self.name()) + suffix
    }
}

impl DomainEvent {
    fn of(path: Path, retired: bool) -> Option<Self> {
        let variant = path.segments.last()?.ident.clone();
        Some(Self { path, retired, variant })
    }
}
