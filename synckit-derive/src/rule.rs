//! The merge rules that `#[merge(…)]` names, and what each of them generates for a field.
//!
//! The generator knows no rule by name. A rule is one row of [`ROWS`]; its work is done by the
//! library types that the row names, all in `synckit::merge`.

mod fit;
mod operation;

pub(crate) use operation::Operation;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::{Path, Type};

use crate::case::snake;

/// A merge rule with its arguments.
pub(crate) enum Rule {
    /// A row of [`ROWS`].
    Plain(&'static Row),
    /// `map(rule)`
    Map(Box<Rule>),
    /// `fields`: a struct, by the rules of its fields. The constant that checks that it has some is named
    /// once the field is known.
    Fields(Option<Ident>),
    /// `rule = path`: a rule that the library does not know.
    Custom(Path),
    /// `resolve = path` or `with = path`: what a function of the application makes of values.
    By(Function),
}

/// A struct with rules of its own.
pub(crate) struct Nested<'a> {
    /// The constant that checks it.
    pub(crate) check: &'a Ident,
    pub(crate) ty: &'a Type,
    /// True if it stands in an entry of a map.
    pub(crate) is_entry: bool,
}

/// A function of the application that merges.
pub(crate) struct Function {
    pub(crate) path: Path,
    pub(crate) does: Does,
    /// The type that stands for it, once the field is known.
    pub(crate) stand_in: Option<Ident>,
}

/// The work of such a function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// It says what concurrent writes show.
    Resolve,
    /// It joins two values, in a revision that the field states.
    Join { revision: u32 },
}

/// A rule of the library.
pub(crate) struct Row {
    /// The name in `#[merge(…)]`.
    name: &'static str,
    /// The library's marker.
    marker: &'static str,
    /// The library's operations.
    op: &'static str,
    /// The operations, as variants of `op` and of the event enum.
    steps: &'static [Step],
    /// The fields that it merges.
    fields: Fields,
    /// The type of what a removal of an entry carries, where the context does not say it all.
    seen: Option<&'static str>,
}

/// One operation.
struct Step {
    /// The variant of the operation, and the end of the event's variant.
    variant: &'static str,
    /// The end of the event's name.
    event: &'static str,
    carries: Carries,
    /// Set when the event is stored without a causal context.
    commutes: bool,
    /// The variant's documentation, `{}` standing for the field.
    doc: &'static str,
}

/// The value that an operation carries.
#[derive(Clone, Copy)]
enum Carries {
    /// A value of the field's type.
    Field,
    /// The `T` of an `Option<T>`, or a value of the field's type.
    Inner,
    /// The `T` of a `BTreeSet<T>`.
    Element,
    /// An amount that a counter of the field's type adds: an `i128` if the type is one of 128 bits, or
    /// an `i64`.
    Amount,
    /// A `bool`.
    Bool,
    /// The `T` of a `Conflicted<T>`.
    Conflicted,
    /// The `T` of a `Pending<T>`, and what was agreed on when it was written.
    Pending,
    /// The `E` of a `Replayed<T, E>`.
    Replayed,
    /// Several values by name, so that the operation has named fields.
    Named(&'static [(&'static str, Part)]),
}

/// One of several values that an operation carries.
#[derive(Clone, Copy)]
enum Part {
    /// A `String`.
    Text,
    /// A value of the field's type.
    Field,
    /// The `T` of a `Vec<T>`.
    Item,
    /// A type of the library.
    Library(&'static str),
}

/// The fields that a rule merges.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    Any,
    Ordered,
    Integer,
    Flag,
    Conflicted,
    Pending,
    Replayed,
    Set,
    Text,
    List,
}

impl Fields {
    /// The library's type around the values that the field shows, and what it is for.
    const fn around(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Conflicted => Some(("Conflicted", "concurrent values")),
            Self::Pending => Some(("Pending", "the last agreed value and the candidates")),
            Self::Replayed => Some(("Replayed", "what its events make")),
            Self::Any
            | Self::Ordered
            | Self::Integer
            | Self::Flag
            | Self::Set
            | Self::Text
            | Self::List => None,
        }
    }
}

const ROWS: &[Row] = &[
    Row {
        name: "lww",
        marker: "Lww",
        op: "LwwOp",
        steps: &[Step {
            variant: "Set",
            event: "set",
            carries: Carries::Field,
            commutes: false,
            doc: "{} was set.",
        }],
        fields: Fields::Any,
        seen: None,
    },
    Row {
        name: "fww",
        marker: "Fww",
        op: "FwwOp",
        steps: &[Step {
            variant: "Set",
            event: "set",
            carries: Carries::Field,
            commutes: false,
            doc: "{} was set, unless it had been set before.",
        }],
        fields: Fields::Any,
        seen: None,
    },
    Row {
        name: "multi",
        marker: "Multi",
        op: "MultiOp",
        steps: &[Step {
            variant: "Set",
            event: "set",
            carries: Carries::Conflicted,
            commutes: false,
            doc: "{} was set.",
        }],
        fields: Fields::Conflicted,
        seen: None,
    },
    Row {
        name: "manual",
        marker: "Manual",
        op: "ManualOp",
        steps: &[Step {
            variant: "Set",
            event: "set",
            carries: Carries::Pending,
            commutes: false,
            doc: "{} was set, or decided on.",
        }],
        fields: Fields::Pending,
        seen: None,
    },
    Row {
        name: "ordered",
        marker: "Ordered",
        op: "OrderedOp",
        steps: &[Step {
            variant: "Applied",
            event: "applied",
            carries: Carries::Replayed,
            commutes: false,
            doc: "An event of {}.",
        }],
        fields: Fields::Replayed,
        seen: None,
    },
    Row {
        name: "max",
        marker: "Max",
        op: "MaxOp",
        steps: &[Step {
            variant: "Raised",
            event: "raised",
            carries: Carries::Inner,
            commutes: true,
            doc: "{} was raised to at least this.",
        }],
        fields: Fields::Ordered,
        seen: None,
    },
    Row {
        name: "min",
        marker: "Min",
        op: "MinOp",
        steps: &[Step {
            variant: "Lowered",
            event: "lowered",
            carries: Carries::Inner,
            commutes: true,
            doc: "{} was lowered to at most this.",
        }],
        fields: Fields::Ordered,
        seen: None,
    },
    Row {
        name: "counter",
        marker: "Counter",
        op: "CounterOp",
        steps: &[Step {
            variant: "Added",
            event: "added",
            carries: Carries::Amount,
            commutes: true,
            doc: "An amount was added to {}.",
        }],
        fields: Fields::Integer,
        seen: Some("CounterSeen"),
    },
    Row {
        name: "flag",
        marker: "Flag",
        op: "FlagOp",
        steps: &[Step {
            variant: "Set",
            event: "set",
            carries: Carries::Bool,
            commutes: false,
            doc: "{} was turned on or off.",
        }],
        fields: Fields::Flag,
        seen: None,
    },
    Row {
        name: "set",
        marker: "Set",
        op: "SetOp",
        steps: &[
            Step {
                variant: "Inserted",
                event: "inserted",
                carries: Carries::Element,
                commutes: true,
                doc: "An element was put into {}.",
            },
            Step {
                variant: "Removed",
                event: "removed",
                carries: Carries::Element,
                commutes: false,
                doc: "An element was taken out of {}.",
            },
        ],
        fields: Fields::Set,
        seen: None,
    },
    Row {
        name: "set(remove_wins)",
        marker: "RemoveWinsSet",
        op: "SetOp",
        steps: &[
            Step {
                variant: "Inserted",
                event: "inserted",
                carries: Carries::Element,
                commutes: false,
                doc: "An element was put into {}.",
            },
            Step {
                variant: "Removed",
                event: "removed",
                carries: Carries::Element,
                commutes: false,
                doc: "An element was taken out of {}.",
            },
        ],
        fields: Fields::Set,
        seen: None,
    },
    Row {
        name: "grow_set",
        marker: "GrowSet",
        op: "GrowSetOp",
        steps: &[Step {
            variant: "Inserted",
            event: "inserted",
            carries: Carries::Element,
            commutes: true,
            doc: "An element was put into {}.",
        }],
        fields: Fields::Set,
        seen: None,
    },
    Row {
        name: "text",
        marker: "Text",
        op: "TextOp",
        steps: &[
            Step {
                variant: "Inserted",
                event: "inserted",
                carries: Carries::Named(&[
                    ("text", Part::Text),
                    ("place", Part::Library("SequencePlace")),
                ]),
                commutes: false,
                doc: "Characters were put into {}.",
            },
            Step {
                variant: "Deleted",
                event: "deleted",
                carries: Carries::Named(&[("ranges", Part::Library("SequenceRanges"))]),
                commutes: false,
                doc: "Characters were taken out of {}.",
            },
        ],
        fields: Fields::Text,
        seen: None,
    },
    Row {
        name: "list",
        marker: "List",
        op: "ListOp",
        steps: &[
            Step {
                variant: "Inserted",
                event: "inserted",
                carries: Carries::Named(&[
                    ("values", Part::Field),
                    ("place", Part::Library("SequencePlace")),
                ]),
                commutes: false,
                doc: "Items were put into {}.",
            },
            Step {
                variant: "Removed",
                event: "removed",
                carries: Carries::Named(&[("ranges", Part::Library("SequenceRanges"))]),
                commutes: false,
                doc: "Items were taken out of {}.",
            },
            Step {
                variant: "Set",
                event: "set",
                carries: Carries::Named(&[
                    ("item", Part::Library("SequenceElement")),
                    ("value", Part::Item),
                ]),
                commutes: false,
                doc: "An item of {} was set.",
            },
            Step {
                variant: "Moved",
                event: "moved",
                carries: Carries::Named(&[
                    ("item", Part::Library("SequenceElement")),
                    ("place", Part::Library("SequencePlace")),
                ]),
                commutes: false,
                doc: "An item of {} was moved.",
            },
        ],
        fields: Fields::List,
        seen: None,
    },
];

/// The names of the rules there are.
pub(crate) fn names() -> Vec<&'static str> {
    ROWS.iter().map(|row| row.name).chain(["resolve", "with", "fields", "map"]).collect()
}

/// The rule of that name, when it takes no argument.
pub(crate) fn find(name: &str) -> Option<Rule> {
    let row = ROWS.iter().find(|row| row.name == name).map(Rule::Plain);
    row.or_else(|| (name == "fields").then_some(Rule::Fields(None)))
}

impl Rule {
    /// The rule as lock files name it.
    pub(crate) fn law(&self) -> String {
        match self {
            Self::Plain(row) => row.name.to_owned(),
            Self::Map(inner) => format!("map({})", inner.law()),
            Self::Fields(_) => "fields".to_owned(),
            Self::Custom(path) => format!("rule({})", custom_name(path)),
            Self::By(function) => match function.does {
                // What the function shows stands in no state, so another one is no other rule.
                Does::Resolve => "resolve".to_owned(),
                Does::Join { revision } => format!("with({}@{revision})", function.spelled()),
            },
        }
    }

    /// The marker type for fields of type `ty`; `merge` is the path of the library's module of that
    /// name.
    pub(crate) fn marker(&self, merge: &TokenStream, ty: &Type) -> TokenStream {
        match self {
            Self::Plain(row) => {
                let wide = row.fields == Fields::Integer && fit::is_wide(ty);
                let marker = format_ident!("{}{}", if wide { "Wide" } else { "" }, row.marker);
                quote!(#merge::#marker)
            }
            Self::Map(inner) => {
                let inner = inner.marker(merge, fit::value_of(ty).unwrap_or(ty));
                quote!(#merge::Map<#inner>)
            }
            Self::Fields(_) => quote!(#merge::PerField),
            Self::Custom(path) => path.to_token_stream(),
            Self::By(Function { stand_in, does: Does::Resolve, .. }) => {
                quote!(#merge::ResolveBy<#stand_in>)
            }
            Self::By(Function { stand_in, .. }) => quote!(#merge::JoinBy<#stand_in>),
        }
    }

    /// The type of the values in a field of type `ty`, which a field of an event could have; `None` when only
    /// the rule knows.
    pub(crate) fn held<'a>(&self, ty: &'a Type) -> Option<&'a Type> {
        match self {
            Self::Plain(row) => Some(fit::within(row.fields, ty).unwrap_or(ty)),
            Self::By(_) => Some(ty),
            Self::Map(inner) => inner.held(fit::value_of(ty)?),
            Self::Custom(_) | Self::Fields(_) => None,
        }
    }

    /// The marker of a rule that the library does not know, which merges the field or its entries.
    pub(crate) fn custom(&self) -> Option<&Path> {
        match self {
            Self::Custom(path) => Some(path),
            Self::Map(inner) => inner.custom(),
            Self::Plain(_) | Self::Fields(_) | Self::By(_) => None,
        }
    }

    /// The type of the entries in a field of that type, however deep, if the rule is one of maps.
    pub(crate) fn entries<'a>(&self, ty: &'a Type) -> Option<&'a Type> {
        let Self::Map(inner) = self else { return None };
        let value = fit::value_of(ty)?;
        Some(inner.entries(value).unwrap_or(value))
    }

    /// The type of what a removal of an entry carries, where the context does not say it all.
    fn seen(&self, merge: &TokenStream) -> Option<TokenStream> {
        match self {
            Self::Plain(row) => row.seen.map(|seen| {
                let seen = format_ident!("{seen}");
                quote!(#merge::#seen)
            }),
            Self::Map(inner) => inner.seen(merge).map(|seen| quote!(#merge::MapSeen<#seen>)),
            Self::Fields(_) => Some(quote!(#merge::FieldsSeen)),
            Self::Custom(_) | Self::By(_) => None,
        }
    }

    /// The place of the constant that checks a struct with rules, in the field or its entries.
    pub(crate) fn check_mut(&mut self) -> Option<&mut Option<Ident>> {
        match self {
            Self::Fields(check) => Some(check),
            Self::Map(inner) => inner.check_mut(),
            Self::Plain(_) | Self::By(_) | Self::Custom(_) => None,
        }
    }

    /// The struct with rules in a field of that type, or in its entries, and the constant that checks it.
    pub(crate) fn nested<'a>(&'a self, ty: &'a Type) -> Option<Nested<'a>> {
        match self {
            Self::Fields(check) => Some(Nested { check: check.as_ref()?, ty, is_entry: false }),
            Self::Map(inner) => {
                let nested = inner.nested(fit::value_of(ty)?)?;
                Some(Nested { is_entry: true, ..nested })
            }
            Self::Plain(_) | Self::By(_) | Self::Custom(_) => None,
        }
    }

    /// The function that merges the field, or its entries.
    pub(crate) fn function_mut(&mut self) -> Option<&mut Function> {
        match self {
            Self::By(function) => Some(function),
            Self::Map(inner) => inner.function_mut(),
            Self::Plain(_) | Self::Fields(_) | Self::Custom(_) => None,
        }
    }

    /// The function that merges a field of that type, or its entries, and the type of what it merges.
    pub(crate) fn function<'a>(&'a self, ty: &'a Type) -> Option<(&'a Function, &'a Type)> {
        match self {
            Self::By(function) => Some((function, function.merged(ty))),
            Self::Map(inner) => inner.function(fit::value_of(ty)?),
            Self::Plain(_) | Self::Fields(_) | Self::Custom(_) => None,
        }
    }
}

impl Does {
    /// The name in `#[merge(…)]`.
    const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Join { .. } => "with",
        }
    }
}

impl Function {
    /// The path as lock files have it.
    pub(crate) fn spelled(&self) -> String {
        self.path.to_token_stream().to_string().split_whitespace().collect()
    }

    /// The type of the values that it is given, in a field of that type.
    fn merged<'a>(&self, ty: &'a Type) -> &'a Type {
        match self.does {
            Does::Resolve => ty,
            Does::Join { .. } => fit::argument(ty, "Option").unwrap_or(ty),
        }
    }
}

/// The name of a rule that the library does not know: its marker's, in snake case.
pub(crate) fn custom_name(path: &Path) -> String {
    path.segments.last().map(|last| snake(&last.ident.to_string())).unwrap_or_default()
}
