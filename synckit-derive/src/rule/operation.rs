//! Operations of a field: the events that carry them, and the library's values that they become.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::Type;

use super::fit::{argument, is_wide, spelled, within};
use super::{Carries, Does, Fields, Part, Rule};

/// An operation, and the event that carries it.
#[derive(Clone)]
pub(crate) struct Operation {
    /// The end of the variant's name.
    pub(crate) variant: String,
    /// The end of the event's name.
    pub(crate) event: String,
    /// The names and types of what the event carries.
    pub(crate) carries: Vec<(String, TokenStream)>,
    /// Set when the event is stored without a causal context.
    pub(crate) commutes: bool,
    /// The variant's documentation, `{}` standing for the field.
    pub(crate) doc: String,
    form: Form,
}

/// The library's value of an operation.
#[derive(Clone)]
enum Form {
    /// The value that the event carries.
    Itself,
    /// `op::variant(value)`
    Plain { op: &'static str, variant: &'static str },
    /// `op::variant { name: value, … }`
    Named { op: &'static str, variant: &'static str, names: Vec<&'static str> },
    /// `MapOp::Entry { key, op }`
    Entry(Box<Form>),
    /// `MapOp::Removed { key, seen }`
    Removed { carries: bool },
}

impl Operation {
    /// The library's value as an expression, and as a pattern, over what the event carries.
    pub(crate) fn value(&self, merge: &TokenStream, carried: &[Ident]) -> TokenStream {
        self.form.value(merge, carried)
    }
}

impl Form {
    fn value(&self, merge: &TokenStream, carried: &[Ident]) -> TokenStream {
        let (first, rest) = match carried {
            [first, rest @ ..] => (first, rest),
            [] => return TokenStream::new(),
        };
        match self {
            Self::Itself => first.to_token_stream(),
            Self::Plain { op, variant } => {
                let (op, variant) = (format_ident!("{op}"), format_ident!("{variant}"));
                quote!(#merge::#op::#variant(#first))
            }
            Self::Named { op, variant, names } => {
                let (op, variant) = (format_ident!("{op}"), format_ident!("{variant}"));
                let names = names.iter().map(|name| format_ident!("{name}"));
                quote!(#merge::#op::#variant { #(#names: #carried),* })
            }
            Self::Entry(inner) => {
                let inner = inner.value(merge, rest);
                quote!(#merge::MapOp::Entry { key: #first, op: #inner })
            }
            Self::Removed { carries } => {
                let seen = carries.then(|| rest.first()).flatten();
                let seen = seen.map_or_else(|| quote!(()), |seen| quote!(#seen));
                quote!(#merge::MapOp::Removed { key: #first, seen: #seen })
            }
        }
    }
}

impl Rule {
    /// The operations on a field of that type. Its spelling has to be one that
    /// [`Rule::refuses`] does not refuse.
    pub(crate) fn operations(&self, krate: &TokenStream, ty: &Type) -> Vec<Operation> {
        match self {
            Self::Plain(row) => row
                .steps
                .iter()
                .map(|step| Operation {
                    variant: step.variant.to_owned(),
                    event: step.event.to_owned(),
                    carries: step.carries.fields(krate, ty),
                    commutes: step.commutes,
                    doc: step.doc.to_owned(),
                    form: step.carries.form(row.op, step.variant),
                })
                .collect(),
            Self::Map(inner) => inner.of_entries(krate, ty),
            Self::By(function) => {
                let (variant, event, op, doc) = match function.does {
                    Does::Resolve => ("Set", "set", "ResolveOp", "{} was set."),
                    Does::Join { .. } => {
                        ("Joined", "joined", "JoinOp", "A value was joined to {}.")
                    }
                };
                vec![Operation {
                    variant: variant.to_owned(),
                    event: event.to_owned(),
                    carries: vec![("value".to_owned(), function.merged(ty).to_token_stream())],
                    commutes: function.does != Does::Resolve,
                    doc: doc.to_owned(),
                    form: Form::Plain { op, variant },
                }]
            }
            Self::Fields(check) => {
                of_rule(quote!(<#krate::merge::Fitting<#ty, #check> as #krate::merge::Merged>::Op))
            }
            Self::Custom(path) => of_rule(quote!(#krate::merge::Op<#ty, #path>)),
        }
    }

    /// The operations on a map whose entries this rule merges.
    fn of_entries(&self, krate: &TokenStream, ty: &Type) -> Vec<Operation> {
        let Some(("BTreeMap", arguments)) = spelled(ty) else { return Vec::new() };
        let [key, value] = arguments.as_slice() else { return Vec::new() };
        let of_entry = self.operations(krate, value).into_iter().map(|inner| {
            let keys = inner.carries.iter().filter(|(name, _)| name.starts_with("key")).count();
            let name = |at: usize| match at {
                0 => "key".to_owned(),
                at => format!("key_{}", at + 1),
            };
            let renamed = inner
                .carries
                .into_iter()
                .enumerate()
                .map(|(at, (was, ty))| (if at < keys { name(at + 1) } else { was }, ty));
            Operation {
                variant: format!("Entry{}", inner.variant),
                event: format!("entry_{}", inner.event),
                carries: std::iter::once((name(0), key.to_token_stream())).chain(renamed).collect(),
                commutes: inner.commutes,
                doc: inner.doc.replace("{}", "an entry of {}"),
                form: Form::Entry(Box::new(inner.form)),
            }
        });
        let seen = self.seen(&quote!(#krate::merge));
        let removed = Operation {
            variant: "Removed".to_owned(),
            event: "removed".to_owned(),
            carries: std::iter::once(("key".to_owned(), key.to_token_stream()))
                .chain(seen.iter().map(|seen| ("seen".to_owned(), seen.clone())))
                .collect(),
            commutes: false,
            doc: "An entry was taken out of {}.".to_owned(),
            form: Form::Removed { carries: seen.is_some() },
        };
        of_entry.chain([removed]).collect()
    }
}

/// The operation of a rule that has one type for all of them.
fn of_rule(op: TokenStream) -> Vec<Operation> {
    vec![Operation {
        variant: "Changed".to_owned(),
        event: "changed".to_owned(),
        carries: vec![("op".to_owned(), op)],
        commutes: false,
        doc: "{} was changed.".to_owned(),
        form: Form::Itself,
    }]
}

impl Carries {
    /// The names and types of what the event carries.
    fn fields(self, krate: &TokenStream, ty: &Type) -> Vec<(String, TokenStream)> {
        if let Self::Named(parts) = self {
            let of_part = |(name, part): &(&str, Part)| ((*name).to_owned(), part.of(krate, ty));
            return parts.iter().map(of_part).collect();
        }
        let value = self.of(ty);
        let agreed = matches!(self, Self::Pending).then(|| {
            let agreed = quote!(::core::option::Option<#krate::merge::Agreed<#value>>);
            ("agreed".to_owned(), agreed)
        });
        std::iter::once(("value".to_owned(), value)).chain(agreed).collect()
    }

    fn form(self, op: &'static str, variant: &'static str) -> Form {
        match self {
            Self::Named(parts) => {
                Form::Named { op, variant, names: parts.iter().map(|(name, _)| *name).collect() }
            }
            Self::Pending => Form::Named { op, variant, names: vec!["value", "agreed"] },
            _ => Form::Plain { op, variant },
        }
    }

    fn of(self, ty: &Type) -> TokenStream {
        let inner = match self {
            Self::Amount if is_wide(ty) => return quote!(i128),
            Self::Amount => return quote!(i64),
            Self::Bool => return quote!(bool),
            Self::Field | Self::Named(_) => None,
            Self::Inner => argument(ty, "Option"),
            Self::Element => argument(ty, "BTreeSet"),
            Self::Conflicted => within(Fields::Conflicted, ty),
            Self::Pending => within(Fields::Pending, ty),
            Self::Replayed => within(Fields::Replayed, ty),
        };
        inner.unwrap_or(ty).to_token_stream()
    }
}

impl Part {
    fn of(self, krate: &TokenStream, ty: &Type) -> TokenStream {
        match self {
            Self::Field => ty.to_token_stream(),
            Self::Item => argument(ty, "Vec").unwrap_or(ty).to_token_stream(),
            Self::Text => quote!(::std::string::String),
            Self::Library(name) => {
                let name = format_ident!("{name}");
                quote!(#krate::merge::#name)
            }
        }
    }
}
