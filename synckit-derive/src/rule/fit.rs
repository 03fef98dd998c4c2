//! Types that a rule merges, as far as their spelling tells.
//!
//! A type that is spelt as one of the standard library is known to fit or not to fit; a mistake is
//! then one error, with what to write instead. Any other type is left to rustc.

use quote::ToTokens as _;
use syn::{GenericArgument, PathArguments, Type};

use super::{Fields, Rule};

const INTEGERS: &[&str] = &["i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128"];
const WIDE: &[&str] = &["i128", "u128"];
const ORDERED: &[&str] = &["String", "bool", "char"];
const FLOATS: &[&str] = &["f32", "f64"];
const NO_VALUES: &[&str] = &["HashMap", "HashSet", "VecDeque", "usize", "isize", "Rc", "RefCell"];
const COLLECTIONS: &[&str] = &["Vec", "BTreeSet", "BTreeMap", "Option", "Box"];

/// An answer to whether a type fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    No,
    /// Only rustc can tell.
    Unknown,
}

impl Fit {
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => other(),
            Self::No => Self::No,
            Self::Unknown => match other() {
                Self::No => Self::No,
                Self::Yes | Self::Unknown => Self::Unknown,
            },
        }
    }
}

impl Rule {
    /// True when the spelling tells that the rule merges the type, or the rule has a check of its own.
    pub(crate) fn surely_fits(&self, ty: &Type) -> bool {
        matches!(self, Self::Fields(_)) || self.fit(ty) == Fit::Yes
    }

    /// True when a type that this rule merges must not be an `Option` under another name.
    pub(crate) fn must_be_spelt(&self, ty: &Type) -> bool {
        matches!(self, Self::Plain(row) if row.fields == Fields::Ordered)
            && argument(ty, "Option").is_none()
    }

    /// The message for a type whose spelling tells that the rule does not merge it.
    pub(crate) fn refuses(&self, ty: &Type) -> Option<String> {
        let text = ty.to_token_stream().to_string().replace(' ', "");
        let law = self.law();
        match (self, spelled(ty)) {
            (Self::Map(inner), Some(("BTreeMap", arguments))) if arguments.len() == 2 => {
                inner.refuses(arguments[1])
            }
            (Self::Map(_), known) => {
                Some(unspelled(&text, &law, known.is_some(), "BTreeMap<K, V>"))
            }
            (Self::Plain(row), known) if row.fields == Fields::Set => match known {
                Some(("BTreeSet", _)) => None,
                Some((name, ref arguments)) if name.ends_with("Set") || name == "Vec" => {
                    let inner = arguments.first().map_or("T".to_owned(), |inner| {
                        inner.to_token_stream().to_string().replace(' ', "")
                    });
                    Some(unspelled(&text, &law, true, &format!("BTreeSet<{inner}>")))
                }
                known => Some(unspelled(&text, &law, known.is_some(), "BTreeSet<T>")),
            },
            (Self::Plain(row), known) if row.fields == Fields::List => match known {
                Some(("Vec", ref arguments)) if arguments.len() == 1 => {
                    let text = arguments[0].to_token_stream().to_string().replace(' ', "");
                    (value(arguments[0]) == Fit::No).then(|| unfit_value(&text, &law))
                }
                known => Some(unspelled(&text, &law, known.is_some(), "Vec<T>")),
            },
            (Self::Plain(row), _) if row.fields.around().is_some() => {
                refused_within(row.fields, ty, &text, &law)
            }
            (Self::Plain(row), None) if row.fields == Fields::Integer && is_non_zero(ty) => {
                Some(self.unfit(&text))
            }
            (Self::Plain(_), _) if self.fit(ty) == Fit::No => Some(self.unfit(&text)),
            (Self::By(function), _) if field(ty) == Fit::No => {
                Some(unfit_value(&text, function.does.name()))
            }
            (Self::Fields(_), Some((name, _))) => Some(format!(
                "`{text}` cannot be merged by `fields`: `{name}` is no struct with rules of its own; \
                 use #[derive(SyncMerge)] on one"
            )),
            (Self::Plain(_) | Self::Fields(_) | Self::Custom(_) | Self::By(_), _) => None,
        }
    }

    fn unfit(&self, text: &str) -> String {
        let Self::Plain(row) = self else { return String::new() };
        let instead = match row.fields {
            Fields::Integer if text.contains("NonZero") => {
                "its sum may be 0; write the integer without `NonZero`".to_owned()
            }
            Fields::Integer if text == "usize" => "its width varies; write `u64`".to_owned(),
            Fields::Integer if text == "isize" => "its width varies; write `i64`".to_owned(),
            Fields::Integer => "a counter is an integer, such as `i64`".to_owned(),
            Fields::Flag => "a flag is a `bool`; use `lww` to keep the type".to_owned(),
            Fields::Ordered if text.contains("f32") || text.contains("f64") => {
                "it has no total order; use an integer in a smaller unit".to_owned()
            }
            Fields::Ordered => "it needs a total order and a default".to_owned(),
            Fields::Text => "a text is a `String`; use `lww` to keep the type".to_owned(),
            Fields::Any
            | Fields::Set
            | Fields::List
            | Fields::Conflicted
            | Fields::Pending
            | Fields::Replayed => return unfit_value(text, row.name),
        };
        format!("`{text}` cannot be merged by `{}`: {instead}", row.name)
    }

    fn fit(&self, ty: &Type) -> Fit {
        match (self, spelled(ty)) {
            (Self::Plain(row), _) if row.fields.around().is_some() => {
                match within(row.fields, ty).map_or(Fit::No, field) {
                    // What applies the events is the application's.
                    Fit::Yes if row.fields == Fields::Replayed => Fit::Unknown,
                    fit => fit,
                }
            }
            (Self::By(_), Some(_)) => field(ty),
            (Self::Plain(row), Some((name, arguments))) => match row.fields {
                Fields::Any | Fields::Conflicted | Fields::Pending | Fields::Replayed => field(ty),
                Fields::Integer if INTEGERS.contains(&name) => Fit::Yes,
                Fields::Flag if name == "bool" => Fit::Yes,
                Fields::Text if name == "String" => Fit::Yes,
                Fields::List => match (name, arguments.as_slice()) {
                    ("Vec", [item]) => value(item),
                    _ => Fit::No,
                },
                Fields::Integer | Fields::Flag | Fields::Text => Fit::No,
                Fields::Ordered => match (name, arguments.as_slice()) {
                    ("Option", [inner]) => ordered(inner),
                    _ => ordered(ty),
                },
                Fields::Set => match (name, arguments.as_slice()) {
                    ("BTreeSet", [element]) => ordered(element),
                    _ => Fit::No,
                },
            },
            (Self::Map(inner), Some(("BTreeMap", arguments))) if arguments.len() == 2 => {
                ordered(arguments[0]).and(|| inner.fit(arguments[1]))
            }
            (
                Self::Plain(_) | Self::Map(_) | Self::Fields(_) | Self::Custom(_) | Self::By(_),
                _,
            ) => Fit::Unknown,
        }
    }
}

/// The message for a field that is not the library's type around values that events can carry.
fn refused_within(fields: Fields, ty: &Type, text: &str, law: &str) -> Option<String> {
    let (name, shows) = fields.around()?;
    let events = if fields == Fields::Replayed { ", E" } else { "" };
    match within(fields, ty) {
        Some(inner) => {
            let text = inner.to_token_stream().to_string().replace(' ', "");
            (field(inner) == Fit::No).then(|| unfit_value(&text, law))
        }
        None => Some(format!(
            "`{text}` cannot be merged by `{law}`: write `{name}<{text}{events}>`, which shows {shows}"
        )),
    }
}

/// The message for a type that events cannot carry.
fn unfit_value(text: &str, law: &str) -> String {
    let instead = match text {
        "usize" => "its width varies; write `u64`",
        "isize" => "its width varies; write `i64`",
        text if text.contains("HashMap") => "write `BTreeMap<K, V>`",
        text if text.contains("HashSet") => "write `BTreeSet<T>`",
        _ => "events cannot carry it",
    };
    format!("`{text}` cannot be merged by `{law}`: {instead}")
}

/// The message for a collection that is not the one to be spelt.
fn unspelled(text: &str, law: &str, is_std: bool, instead: &str) -> String {
    if is_std {
        format!("`{text}` cannot be merged by `{law}`: write `{instead}`")
    } else {
        format!(
            "`{text}` cannot be merged by `{law}`: write `{instead}` out, the macro cannot see \
             through another name"
        )
    }
}

/// The fit of a type as a field of events with a default.
fn field(ty: &Type) -> Fit {
    match spelled(ty) {
        Some(("Option" | "Vec", arguments)) if arguments.len() == 1 => value(arguments[0]),
        Some(("BTreeSet", arguments)) if arguments.len() == 1 => ordered(arguments[0]),
        Some(("BTreeMap", arguments)) if arguments.len() == 2 => {
            ordered(arguments[0]).and(|| value(arguments[1]))
        }
        Some(_) => value(ty),
        None => Fit::Unknown,
    }
}

/// The fit of a type as a value.
fn value(ty: &Type) -> Fit {
    match spelled(ty) {
        Some((name, _)) if FLOATS.contains(&name) => Fit::Yes,
        Some(("Box", _)) | None => Fit::Unknown,
        Some(_) => ordered(ty),
    }
}

/// The fit of a type as an ordered value with a default.
fn ordered(ty: &Type) -> Fit {
    match spelled(ty) {
        Some((name, _)) if INTEGERS.contains(&name) || ORDERED.contains(&name) => Fit::Yes,
        Some(("Box", _)) | None => Fit::Unknown,
        Some(_) => Fit::No,
    }
}

/// The `T` of a type that is spelt `Conflicted<T>` or `Pending<T>`, whichever fields of that kind are, and the
/// `E` of `Replayed<T, E>`.
pub(super) fn within(fields: Fields, ty: &Type) -> Option<&Type> {
    let (around, _) = fields.around()?;
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == around)?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            match arguments.args.get(usize::from(fields == Fields::Replayed)) {
                Some(GenericArgument::Type(inner)) => Some(inner),
                _ => None,
            }
        }
        _ => None,
    }
}

/// True for integers of 128 bits.
pub(super) fn is_wide(ty: &Type) -> bool {
    spelled(ty).is_some_and(|(name, _)| WIDE.contains(&name))
}

/// The `V` of a type that is spelt `BTreeMap<K, V>`.
pub(super) fn value_of(ty: &Type) -> Option<&Type> {
    let (name, arguments) = spelled(ty)?;
    arguments.get(1).copied().filter(|_| name == "BTreeMap")
}

fn is_non_zero(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident.to_string().starts_with("NonZero"))
}

/// The name and the type arguments of a type that is spelt as one of the standard library.
pub(super) fn spelled(ty: &Type) -> Option<(&'static str, Vec<&Type>)> {
    let path = match ty {
        Type::Path(path) if path.qself.is_none() => &path.path,
        Type::Group(group) => return spelled(&group.elem),
        Type::Paren(paren) => return spelled(&paren.elem),
        _ => return None,
    };
    let first = path.segments.first()?;
    let is_std = ["std", "core", "alloc"].iter().any(|std| first.ident == std);
    let last = path.segments.last().filter(|_| path.segments.len() == 1 || is_std)?;
    let names = [INTEGERS, ORDERED, FLOATS, NO_VALUES, COLLECTIONS].concat();
    let name = names.into_iter().find(|name| last.ident == name)?;
    let arguments = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Some((name, arguments))
}

/// The first type argument of a type that is spelt `name<…>`.
pub(super) fn argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let (spelt, arguments) = spelled(ty)?;
    arguments.first().copied().filter(|_| spelt == name)
}
