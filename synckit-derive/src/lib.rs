//! The macros of synckit. Users find them, with everything that they name, in the crate `synckit`.
//!
//! A macro is a pipeline; each stage takes shared references to what the stages before it made:
//!
//! 1. `syn` parses the item.
//! 2. `attr` parses the helper attributes, `rule` lists the merge rules that they may name.
//! 3. `ast` makes a model of both, which borrows the syntax.
//! 4. `lock` holds the model against the lock file and gives a `Resolved`: numbers, the lowest
//!    reader, and what the types of fields have to be.
//! 5. `valid` checks names and numbers.
//! 6. `expand` writes the code: the implementation, or an inert one for a mistaken type, so that its
//!    uses add no errors of their own.
//!
//! Every stage reports to one `Ctxt` (in `ctxt`) and goes on, so that all mistakes of a type are
//! reported at once. `case` and `suggest` are words: names made of names, and guesses for messages.

// Words.
mod case;
mod suggest;

// Stages, behind what all of them report to.
mod ctxt;
mod rule;
mod attr;
mod ast;
mod lock;
mod valid;
mod expand;

#[cfg(test)]
mod mutations;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::quote;
use syn::{Data, DeriveInput};

use crate::ctxt::Ctxt;
use crate::lock::locate::Locks;

/// Makes a struct one kind of event, or an enum a family of kinds.
///
/// ```text
/// #[derive(SyncEvent, Clone, Debug)]
/// #[event(name = "inspection.signed", version = 3)]
/// pub struct Signed { pub by: UserId, pub outcome: Outcome }
///
/// #[derive(SyncEvent, Clone, Debug)]
/// #[event(name = "note")]
/// pub enum NoteEvent {
///     Renamed(String),                          // note.renamed
///     #[event(name = "note.tag", version = 2)]
///     Tagged { tag: String, #[field(3)] by: UserId },
///     #[event(flatten)]
///     Signed(Signed),                           // inspection.signed
/// }
/// ```
///
/// On a type, `#[event(…)]` takes
/// - `name = "…"`: the event's name in stored bytes, or the prefix of an enum's names, of the
///   characters `a-z 0-9 _ . -`;
/// - `version = 1`: the schema version, 1 when left out;
/// - `commutes` (structs): the event takes effect whatever its author had seen, so it is stored
///   without a causal context;
/// - `historical` (structs): the type is an old version, which is read and never written;
/// - `lock = required`: a version that is not in its lock file is refused, as it is everywhere
///   while `SYNCKIT_LOCKED=1` is set; `lock = none`: the type stays a draft, for tests;
/// - `crate = path`: where synckit is found, `::synckit` when left out.
///
/// On a variant it takes `name` (the whole name), `version` and `commutes` for that variant, or
/// `flatten`, which makes the variant stand for the event type that it wraps. A variant without a
/// name is called after its prefix and itself in snake case: renaming the variant renames the
/// event.
///
/// Fields have the numbers of the lock file, `schemas/event.<name>.lock`. In a draft, which has
/// none, they are numbered from 1 in order of declaration; `#[field(3)]` gives a field its number, and
/// the fields after it count on from there. `#[field(was = "…")]` says what a field was called,
/// `#[field(default)]` that events of versions without it are read with the type's default, and
/// `#[field(new)]` that it is none of the fields that are gone. `#[field(with = module)]` converts a
/// type that is no value by the `to_value` and `from_value` of a module, whose type `Value` is written;
/// `#[field(as = "json", schema = "geojson@1")]` has serde write it.
///
/// `#[upcast(from = Old, with = path)]` converts events of the version of `Old`, a historical type,
/// and of those before it. The function gives the event or a `Result` with `UpcastError`; without
/// `with`, `From<Old>` converts. A function that was moved or renamed says `was = "old::path"`; one that was
/// changed on purpose counts up `revision = 1`. See the guide, `synckit::docs::schema`.
#[proc_macro_derive(SyncEvent, attributes(event, field, upcast))]
pub fn sync_event(input: TokenStream) -> TokenStream {
    derive(input, event)
}

/// Makes a type one that fields of events can have.
///
/// ```text
/// #[derive(SyncValue, Clone, Debug, PartialEq)]
/// pub struct Point { pub x: i64, pub y: i64 }   // a message of numbered fields
///
/// #[derive(SyncValue, Clone, Debug, PartialEq)]
/// pub enum Severity { Low, High }               // 0 and 1
///
/// #[derive(SyncValue, Clone, Debug, PartialEq)]
/// pub enum Shape { Dot(Point), Circle { center: Point, radius: u32 } }   // a message of one field
/// ```
///
/// The variants of an enum without data are numbered from 0, those of an enum with data from 1;
/// `#[value(3)]` gives a variant its number, `#[field(3)]` a field, and those after it count on
/// from there. A lock file, `schemas/value.<name>.lock`, has the numbers of what has been published.
///
/// On a type, `#[value(…)]` takes `name = "…"` (in schemas, the type's when left out),
/// `version = 1`, `lock` and `crate = path`. Fields and variants take `was = "…"`, fields `default`,
/// `new`, `with` and `as`. In an enum without data, `#[value(other)] Unheard(u32)` holds the numbers that
/// later versions of it have.
#[proc_macro_derive(SyncValue, attributes(value, field))]
pub fn sync_value(input: TokenStream) -> TokenStream {
    derive(input, value)
}

/// Makes a plain struct an aggregate: a domain type that replicas edit concurrently and merge.
///
/// ```text
/// #[sync_aggregate(name = "inspection", version = 2, events(Signed))]
/// #[derive(Clone, Debug, PartialEq)]
/// pub struct Inspection {
///     #[merge(lww)]     pub title: String,
///     #[merge(max)]     pub severity: Severity,
///     #[merge(min)]     pub first_seen: Option<u64>,
///     #[merge(counter)] pub visits: i64,
///     #[merge(set)]     pub tags: BTreeSet<String>,
///     #[merge(map(lww))] pub readings: BTreeMap<String, f64>,
/// }
/// ```
///
/// The struct stays as it is. Beside it appear
/// - `InspectionEvent`, with a variant for every operation (`TitleSet`, `SeverityRaised`,
///   `FirstSeenLowered`, `VisitsAdded`, `TagsInserted`, `TagsRemoved`,
///   `ReadingsEntrySet`, `ReadingsRemoved`), for creation and deletion, and for
///   every type in `events(…)`;
/// - `InspectionOps`, the handles through which an edit records them.
///
/// It takes
/// - `name = "…"`: what the aggregate and its events are called in stored bytes;
/// - `version = 1`: the schema version of those events, 1 when left out;
/// - `events(…)`: domain events, for each of which the aggregate implements `Lower`;
/// - `retired(…)`: those that are only read any more;
/// - `on_delete = edit_wins`: an edit wins over a concurrent deletion; `delete_wins` when left out;
/// - `event_type = Happening`, `ops_type = Handles`, `field_type = Column`: other names for the types
///   beside the struct;
/// - `lock = required`: a version that is not in its lock file, `schemas/aggregate.<name>.lock`, is
///   refused; `lock = none`: it stays a draft;
/// - `crate = path`: where synckit is found, `::synckit` when left out.
#[proc_macro_attribute]
pub fn sync_aggregate(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match syn::parse(item.clone()) {
        Ok(input) => aggregate(&Locks::of_the_environment(), arguments.into(), input).into(),
        Err(_) => {
            let message = "expected a struct with named fields below #[sync_aggregate(…)]";
            let error = syn::Error::new(proc_macro2::Span::call_site(), message);
            let (error, item) = (error.into_compile_error(), TokenStream2::from(item));
            quote!(#error #item).into()
        }
    }
}

/// Gives the fields of a struct merge rules, so that an aggregate can merge it field by field.
///
/// ```text
/// #[derive(SyncMerge, Clone, Debug, PartialEq)]
/// pub struct Address {
///     #[merge(lww)]     pub street: String,
///     #[merge(counter)] pub visits: i64,
/// }
///
/// #[sync_aggregate(name = "customer")]
/// #[derive(Clone, Debug)]
/// pub struct Customer {
///     #[merge(fields)] pub address: Address,   // it.address.street.set("1 High Street")
/// }
/// ```
///
/// Beside the struct appear `AddressOp`, a value type with a variant for every operation, which events of
/// aggregates carry, and `AddressOps`, the handles. `#[value(version = 2)]` on the struct is about
/// `AddressOp`, as are its lock file, `schemas/value.AddressOp.lock`, `lock` and `crate = path`. Like the
/// variants of all values, those of fields that are added stand behind those that were there.
#[proc_macro_derive(SyncMerge, attributes(merge, value))]
pub fn sync_merge(input: TokenStream) -> TokenStream {
    derive(input, merge)
}

fn derive(input: TokenStream, expand: fn(&Locks, &DeriveInput) -> TokenStream2) -> TokenStream {
    let expanded = syn::parse(input).map(|input| expand(&Locks::of_the_environment(), &input));
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}

fn event(locks: &Locks, input: &DeriveInput) -> TokenStream2 {
    let cx = Ctxt::default();
    let event = ast::event::Event::read(&cx, input);
    let resolved = lock::resolve::event(&cx, locks, &event);
    valid::generics(&cx, &input.ident, &input.generics);
    valid::event(&cx, &event, &resolved);
    finish(
        cx,
        input,
        || expand::event::event(&event, &resolved),
        || expand::fallback::event(&event),
    )
}

fn value(locks: &Locks, input: &DeriveInput) -> TokenStream2 {
    let cx = Ctxt::default();
    let value = ast::value::Value::read(&cx, input);
    let resolved = lock::resolve::value(&cx, locks, &value);
    valid::generics(&cx, &input.ident, &input.generics);
    valid::value(&cx, &value, &resolved);
    finish(
        cx,
        input,
        || expand::value::value(&value, &resolved),
        || expand::fallback::value(&value),
    )
}

fn merge(locks: &Locks, input: &DeriveInput) -> TokenStream2 {
    let cx = Ctxt::default();
    let (arguments, value) = attr::merge::of_struct(input);
    let aggregate = ast::aggregate::Aggregate::read(&cx, arguments, input);
    let resolved = lock::resolve::aggregate(&cx, locks, &aggregate);
    valid::generics(&cx, &input.ident, &input.generics);
    finish(
        cx,
        input,
        || expand::aggregate::nested(&aggregate, &resolved, &value),
        TokenStream2::new,
    )
}

fn aggregate(locks: &Locks, arguments: TokenStream2, mut input: DeriveInput) -> TokenStream2 {
    let beside = beside(locks, arguments, &input);
    attr::merge::strip(&mut input.data);
    quote!(#input #beside)
}

fn beside(locks: &Locks, arguments: TokenStream2, input: &DeriveInput) -> TokenStream2 {
    let cx = Ctxt::default();
    let aggregate = ast::aggregate::Aggregate::read(&cx, arguments, input);
    let resolved = lock::resolve::aggregate(&cx, locks, &aggregate);
    valid::generics(&cx, &input.ident, &input.generics);
    valid::aggregate(&cx, &aggregate);
    finish(
        cx,
        input,
        || expand::aggregate::aggregate(&aggregate, &resolved),
        || expand::fallback::aggregate(&aggregate, &resolved),
    )
}

/// The expansion; for a mistaken type its errors, and beside them an inert implementation.
///
/// What would only lead to more errors gets none: the parameters of a generic type would need
/// bounds that nobody has written, and a union can hardly have what an implementation requires.
fn finish(
    cx: Ctxt,
    input: &DeriveInput,
    expansion: impl FnOnce() -> TokenStream2,
    inert: impl FnOnce() -> TokenStream2,
) -> TokenStream2 {
    let Some(errors) = cx.into_compile_errors() else { return expansion() };
    let is_hopeless = !input.generics.params.is_empty() || matches!(input.data, Data::Union(_));
    let inert = if is_hopeless { TokenStream2::new() } else { inert() };
    quote!(#errors #inert)
}
