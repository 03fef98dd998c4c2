//! The event enum and the handles around an aggregate, and the implementations that tie them.
//!
//! Users see the enum and the handles; everything else stands in one `const _` block.

mod checked;
mod events;
mod functions;
mod nested;
mod ops;

pub(crate) use nested::nested;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use synckit_lock::Family;

use super::history::{self, OF_AGGREGATE, Subject};
use super::{number, standing_at};
use crate::ast::aggregate::{Aggregate, MergedField};
use crate::lock::resolved::Resolved;
use crate::rule::{Operation, custom_name};

/// Expands everything beside the struct.
pub(crate) fn aggregate(aggregate: &Aggregate<'_>, resolved: &Resolved) -> TokenStream {
    let fields = Tabled::of(aggregate, resolved);
    let each = fields.iter().map(|field| field.shown());
    let refused = aggregate.fields.iter().filter(|field| field.refused.is_some());
    let refused = refused.map(|field| field.ident);
    let value = quote!(Self { #(#each,)* #(#refused: ::core::unreachable!(),)* });
    around(aggregate, resolved, &fields, &value)
}

/// Expands the same for a mistaken aggregate, with the fields that were understood: its values
/// cannot be made.
pub(super) fn inert(aggregate: &Aggregate<'_>, resolved: &Resolved) -> TokenStream {
    let fields = Tabled::of(aggregate, resolved);
    around(aggregate, resolved, &fields, &quote!(::core::unreachable!()))
}

fn around(
    aggregate: &Aggregate<'_>,
    resolved: &Resolved,
    fields: &[Tabled<'_>],
    value: &TokenStream,
) -> TokenStream {
    let names = Names::of(aggregate);
    let events = events::declaration(aggregate, &names);
    let ops = ops::ops(aggregate, &names);
    let keys = ops::keys(aggregate, &names);
    let gates = checked::gates(aggregate);
    let root = quote!(&dyn __merge::Root);
    let handles = ops::constructor(aggregate, &names, fields, &root);
    let implementation = implementation(aggregate, resolved, &names, fields, value);
    let codec = events::implementation(aggregate, resolved, &names);
    let history = history_of(aggregate, resolved, &names.event);
    // A refused field has an error of its own, and no value.
    let is_refused = aggregate.fields.iter().any(|field| field.refused.is_some());
    let (krate, field) = (&aggregate.krate, &names.field);
    let quiet = is_refused.then(|| quote!(#[allow(unreachable_code)]));
    let stand_ins = functions::declarations(aggregate);
    let functions = functions::implementations(aggregate);
    quote! {
        #events
        #ops
        #keys
        #stand_ins
        #quiet
        const _: () = {
            use #krate::aggregate::LifeNumber as __Life;
            use #krate::event::SyncEvent as __Event;
            use #krate::merge as __merge;
            type __Field = #field;
            #gates
            #functions
            #handles
            #implementation
            #codec
            #history
        };
    }
}

/// The generated types.
struct Names {
    event: Ident,
    ops: Ident,
    field: Ident,
}

impl Names {
    fn of(aggregate: &Aggregate<'_>) -> Self {
        let ident = &aggregate.ident;
        let given = |given: &Option<Ident>, made: Ident| given.clone().unwrap_or(made);
        Self {
            event: given(&aggregate.event_type, format_ident!("{ident}Event")),
            ops: given(&aggregate.ops_type, format_ident!("{ident}Ops")),
            field: given(&aggregate.field_type, format_ident!("{ident}Field")),
        }
    }
}

/// A field and its place in the table, which ascends by number.
struct Tabled<'a> {
    field: &'a MergedField<'a>,
    number: u32,
    place: Literal,
}

impl<'a> Tabled<'a> {
    /// The fields in the order of the struct.
    fn of(aggregate: &'a Aggregate<'a>, resolved: &Resolved) -> Vec<Self> {
        let members = aggregate.fields.iter().zip(&resolved.members);
        let merged: Vec<_> = members.filter(|(field, _)| field.refused.is_none()).collect();
        let place = |number| merged.iter().filter(|(_, other)| other.number < number).count();
        let tabled = merged.iter().map(|(field, member)| Self {
            field,
            number: member.number,
            place: Literal::usize_unsuffixed(place(member.number)),
        });
        tabled.collect()
    }

    /// `F, R`
    fn types(&self) -> TokenStream {
        let ty = checked::gated(self.field, self.field.ty);
        let marker = marker(self.field);
        quote!(#ty, #marker)
    }

    fn entry(&self) -> TokenStream {
        let (types, name, number) = (self.types(), self.field.name(), number(self.number));
        let quiet = self.field.quiet.then(|| quote!(.quiet()));
        let Some(path) = self.field.rule.custom() else {
            return quote!(&__merge::field::<#types>(#number, #name)#quiet);
        };
        let rule = custom_name(path);
        let message = format!(
            "the law of this rule has to be named after its marker: `Law::custom(\"{rule}\", …)`"
        );
        quote_spanned! {path.span()=>
            &__merge::custom::<#types>(#number, #name, #rule, #message)#quiet
        }
    }

    fn shown(&self) -> TokenStream {
        let (ident, place, types) = (self.field.ident, &self.place, self.types());
        quote!(#ident: fields.value::<#types>(#place))
    }

    fn created(&self) -> TokenStream {
        let (ident, place, types) = (self.field.ident, &self.place, self.types());
        quote!(creation.field::<#types>(#place, &self.#ident);)
    }

    /// The event of an operation.
    fn event(&self, event: &Ident) -> TokenStream {
        let (place, types) = (&self.place, self.types());
        let arms = self.field.operations.iter().map(|operation| {
            let carried = carried(operation);
            let value = operation.value(&merge(), &carried);
            let made = variant(event, self.field, operation, &carried);
            quote!(#value => #made,)
        });
        if let [only] = &self.field.operations[..] {
            let carried = carried(only);
            let value = only.value(&merge(), &carried);
            let made = variant(event, self.field, only, &carried);
            return quote!(#place => { let #value = taken.op::<#types>()?; #made });
        }
        quote!(#place => match taken.op::<#types>()? { #(#arms)* },)
    }

    /// The operations of an event.
    fn apply(&self, event: &Ident) -> TokenStream {
        let (place, types) = (&self.place, self.types());
        let arms = self.field.operations.iter().map(|operation| {
            let carried = carried(operation);
            let value = operation.value(&merge(), &carried);
            let matched = variant(event, self.field, operation, &carried);
            quote!(#matched => fold.op::<#types>(#place, #value),)
        });
        quote!(#(#arms)*)
    }
}

/// The library's module of rules, by the name that it has in the `const _` block.
fn merge() -> TokenStream {
    quote!(__merge)
}

/// The marker of a field's rule, where rustc says so when it does not merge the field's type.
fn marker(field: &MergedField<'_>) -> TokenStream {
    let marker = field.rule.marker(&merge(), field.ty);
    if field.rule.custom().is_some() { marker } else { standing_at(field.ty.span(), marker) }
}

/// Names for what an operation carries: none that a user's field could hide.
fn carried(operation: &Operation) -> Vec<Ident> {
    (1..=operation.carries.len()).map(|number| format_ident!("field_{number}")).collect()
}

/// The variant of an operation, as an expression and as a pattern.
fn variant(
    event: &Ident,
    field: &MergedField<'_>,
    operation: &Operation,
    carried: &[Ident],
) -> TokenStream {
    let variant = field.variant(operation);
    match carried {
        [only] => quote!(#event::#variant(#only)),
        several => {
            let name = operation.carries.iter().map(|(name, _)| format_ident!("{name}"));
            quote!(#event::#variant { #(#name: #several),* })
        }
    }
}

fn implementation(
    aggregate: &Aggregate<'_>,
    resolved: &Resolved,
    names: &Names,
    fields: &[Tabled<'_>],
    value: &TokenStream,
) -> TokenStream {
    let Aggregate { ident, krate, .. } = aggregate;
    let Names { event, ops, .. } = names;
    let name = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let version = number(resolved.version);
    let keys = sorted(fields).into_iter().map(|tabled| tabled.field.key());
    let table = table(fields);
    let lineage = history::lineage(krate, resolved);
    let retired: Vec<_> = aggregate.events.iter().filter(|event| event.retired).collect();
    let retired = (!retired.is_empty()).then(|| {
        let names = retired.iter().map(|event| {
            let path = &event.path;
            quote_spanned!(path.span()=> <#path as #krate::event::SyncEvent>::KINDS[0].name)
        });
        quote!(const RETIRED: &[&str] = &[#(#names),*];)
    });
    let lineage = match retired {
        Some(retired) => quote!({ #retired #lineage.retired(RETIRED) }),
        None => lineage,
    };
    let on_delete = aggregate.edit_wins().then(|| {
        let on_delete = quote!(#krate::aggregate::OnDelete);
        quote!(const ON_DELETE: #on_delete = #on_delete::EditWins;)
    });
    let made = fields.iter().map(|field| field.event(event));
    let applied = fields.iter().map(|field| field.apply(event));
    let lowered = aggregate.events.iter().map(|domain| checked::lower(aggregate, event, domain));
    let created = fields.iter().map(|field| field.created());
    quote! {
        #[automatically_derived]
        impl #krate::aggregate::Aggregate for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            const FIELDS: &'static [&'static dyn __merge::AnyField] = &[#table];
            const LINEAGE: #krate::wire::Lineage = #lineage;
            #on_delete
            type Field = __Field;
            const KEYS: &'static [__Field] = &[#(__Field::#keys),*];
            type Event = #event;
            type Ops<'a> = #ops<'a>;
            type Handles<'a> = #ops<'a, __merge::Reads>;
            const CREATED: fn(__Life) -> #event = #event::Created;
            const DELETED: #event = #event::Deleted;
            const OPS: fn(&dyn __merge::Root) -> #ops<'_> = __handles;
            const HANDLES: fn(&dyn __merge::Root) -> Self::Handles<'_> = __handles;
            fn event(
                taken: &mut #krate::aggregate::Taken<'_>,
            ) -> ::core::option::Option<#event> {
                let event = match taken.field() {
                    #(#made)*
                    _ => return ::core::option::Option::None,
                };
                ::core::option::Option::Some(event)
            }
            fn apply(event: #event, fold: &mut #krate::aggregate::Fold<'_>) {
                match event {
                    #event::Created(field_1) => fold.created(field_1),
                    #event::Deleted => fold.deleted(),
                    #(#applied)*
                    #(#lowered)*
                }
            }
            fn create(&self, creation: &#krate::aggregate::Creation<'_>) { #(#created)* }
            fn from_fields(fields: &#krate::aggregate::Fields) -> Self { #value }
        }
    }
}

/// The entries of the table of fields.
fn table(fields: &[Tabled<'_>]) -> TokenStream {
    let entries = sorted(fields).into_iter().map(|field| field.entry());
    quote!(#(#entries),*)
}

/// The fields by their numbers.
fn sorted<'t, 'a>(fields: &'t [Tabled<'a>]) -> Vec<&'t Tabled<'a>> {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|field| field.number);
    sorted
}

fn history_of(aggregate: &Aggregate<'_>, resolved: &Resolved, event: &Ident) -> TokenStream {
    let Aggregate { ident, krate, fields, .. } = aggregate;
    let name = aggregate.name.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let tracking = history::tracking(Family::Aggregate, &name, resolved);
    let unless = None;
    let subject = Subject { krate, ident, name: &name, resolved, unless, instead: OF_AGGREGATE };
    let checks = fields.iter().zip(&resolved.members).filter(|(field, _)| field.refused.is_none());
    let checks = checks.map(|(field, member)| {
        let (ty, marker) = (checked::gated(field, field.ty), marker(field));
        let shape = quote_spanned!(field.ty.span()=> <#marker as __merge::Rule<#ty>>::SHAPE);
        let coded = field.rule.held(field.ty).map(|ty| checked::gated(field, ty));
        subject.check_shape(&field.name(), &ty, &shape, coded, member)
    });
    let events = resolved.is_tracked.then(|| events_of(aggregate, resolved, event, &name));
    quote!(#tracking #(#checks)* #events)
}

/// Has rustc hold the domain events against the lock.
fn events_of(
    aggregate: &Aggregate<'_>,
    resolved: &Resolved,
    event: &Ident,
    name: &str,
) -> TokenStream {
    let Aggregate { ident, krate, .. } = aggregate;
    let version = number(resolved.version);
    let check = if resolved.is_locked { quote!(has_events) } else { quote!(keeps_events) };
    let span = aggregate.name.as_ref().map_or_else(|| aggregate.ident.span(), |name| name.span());
    let krate = standing_at(span, krate.clone());
    let locked = resolved.events.iter().map(|event| (&event.name, event.retired));
    let locked = locked.map(|(name, retired)| quote!((#name, #retired)));
    quote_spanned! {span=>
        const _: () = #krate::schema::#check(
            <#event as #krate::event::SyncEvent>::KINDS,
            <#ident as #krate::aggregate::Aggregate>::LINEAGE.retired,
            &[#(#locked),*],
            #name,
            #version,
        );
    }
}
