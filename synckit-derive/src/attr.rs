//! Helper attributes: from `#[event(name = "…", version = 3)]` to typed parts.
//!
//! This module knows the grammar, `name = value`, `name(list)`, `name` or a number, separated by
//! commas; what the parts mean is said in [`event`], [`field`], [`merge`], [`upcast`],
//! [`value`] and [`aggregate`].

pub(crate) mod aggregate;
pub(crate) mod coding;
pub(crate) mod event;
pub(crate) mod field;
pub(crate) mod merge;
pub(crate) mod upcast;
pub(crate) mod value;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Ident, Lit, LitInt, LitStr, Meta, Path, Token};

use crate::ctxt::Ctxt;
use crate::suggest::{did_you_mean, one_of};

/// One part of a helper attribute.
pub(crate) enum AttrPart {
    /// A literal alone, as in `#[field(3)]`.
    Literal(Lit),
    /// A key with or without something.
    Keyed(Ident, Given),
}

/// The part after a key.
pub(crate) enum Given {
    Nothing,
    /// `= value`
    Value(TokenStream),
    /// `(list)`
    List(TokenStream),
    /// Something that is none of these.
    Other(TokenStream),
}

impl Given {
    fn tokens(&self) -> TokenStream {
        match self {
            Self::Nothing => TokenStream::new(),
            Self::Value(content) | Self::List(content) | Self::Other(content) => content.clone(),
        }
    }
}

/// The parts of all `#[helper(…)]` among `attrs`.
pub(crate) fn entries(
    cx: &Ctxt,
    attrs: &[Attribute],
    helper: &str,
    example: &str,
) -> Vec<AttrPart> {
    let mut all = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(helper)) {
        match &attr.meta {
            Meta::List(meta) if !meta.tokens.is_empty() => {
                all.extend(parse(cx, meta.tokens.clone()));
            }
            _ => cx.error(attr, format!("expected arguments: {example}")),
        }
    }
    all
}

/// The parts in the arguments of an attribute. A part that begins with neither a key nor a literal
/// is reported.
pub(crate) fn parse(cx: &Ctxt, tokens: TokenStream) -> Vec<AttrPart> {
    let parser = |input: ParseStream<'_>| {
        let mut all = Vec::new();
        while !input.is_empty() {
            let entry = cx.ok(AttrPart::parse(input));
            let rest = until_comma(input)?;
            if entry.is_some() && !rest.is_empty() {
                cx.error(rest, "expected `,` before this");
            }
            all.extend(entry);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(all)
    };
    cx.ok(parser.parse2(tokens)).unwrap_or_default()
}

fn until_comma(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut passed = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        passed.extend([input.parse::<TokenTree>()?]);
    }
    Ok(passed)
}

impl AttrPart {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Lit) {
            return Ok(Self::Literal(input.parse()?));
        }
        let key = input.call(Ident::parse_any)?;
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            let value = if input.peek(Lit) {
                input.parse::<Lit>()?.to_token_stream()
            } else {
                until_comma(input)?
            };
            return Ok(Self::Keyed(key, Given::Value(value)));
        }
        if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            return Ok(Self::Keyed(key, Given::List(content.parse()?)));
        }
        let rest = until_comma(input)?;
        Ok(Self::Keyed(key, if rest.is_empty() { Given::Nothing } else { Given::Other(rest) }))
    }
}

impl ToTokens for AttrPart {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(literal) => literal.to_tokens(tokens),
            Self::Keyed(key, given) => {
                key.to_tokens(tokens);
                given.tokens().to_tokens(tokens);
            }
        }
    }
}

/// Keeps what a key is given, which is once.
fn fill<T>(cx: &Ctxt, slot: &mut Option<T>, key: &Ident, value: Option<T>) {
    if slot.is_some() {
        cx.error(key, format!("duplicate key `{key}`; keep one"));
    } else {
        *slot = value;
    }
}

/// Reports a key that is not in place here.
fn unknown(cx: &Ctxt, key: &Ident, here: &[&str]) {
    let typed = key.unraw().to_string();
    let (expected, guess) = (one_of(here), did_you_mean(&typed, here));
    cx.error(key, format!("unknown key `{typed}`, expected {expected}{guess}"));
}

/// Reports a literal where a key belongs.
fn stray(cx: &Ctxt, literal: &Lit, here: &[&str]) {
    let message = match literal {
        Lit::Str(text) if here.contains(&"name") => {
            format!("expected a key before the value: `name = {}`", text.token())
        }
        _ => format!("expected {}, found a literal", one_of(here)),
    };
    cx.error(literal, message);
}

fn text(cx: &Ctxt, key: &Ident, given: &Given) -> Option<LitStr> {
    let parsed = match given {
        Given::Value(value) => syn::parse2(value.clone()).ok(),
        _ => None,
    };
    if parsed.is_none() {
        cx.error(spot(key, given), format!("expected a string literal: `{key} = \"…\"`"));
    }
    parsed
}

/// A schema version that is written out.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) at: LitInt,
}

fn version(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Version> {
    let literal = match given {
        Given::Value(value) => syn::parse2::<LitInt>(value.clone()).ok(),
        _ => None,
    };
    let parsed = literal.and_then(|at| Some(Version { number: at.base10_parse().ok()?, at }));
    let parsed = parsed.filter(|version| version.number > 0);
    if parsed.is_none() {
        let message = format!("expected a whole number from 1 to {}: `{key} = 1`", u32::MAX);
        cx.error(spot(key, given), message);
    }
    parsed
}

/// A type's demand of its lock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locking {
    /// A draft is refused.
    Required,
    /// It stays a draft, whatever lock there is for a type of its name.
    None,
}

/// `lock = required` or `lock = none`
fn lock(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Locking> {
    let word = match given {
        Given::Value(value) => syn::parse2::<Ident>(value.clone()).ok(),
        _ => None,
    };
    let locking = match word.map(|word| word.to_string()).as_deref() {
        Some("required") => Some(Locking::Required),
        Some("none") => Some(Locking::None),
        _ => None,
    };
    if locking.is_none() {
        let message = "expected `lock = required`, `lock = none` for a type of tests, or no `lock`";
        cx.error(spot(key, given), message);
    }
    locking
}

fn flag(cx: &Ctxt, key: &Ident, given: &Given) -> Option<()> {
    if matches!(given, Given::Nothing) {
        return Some(());
    }
    cx.error(spot(key, given), format!("unexpected value, `{key}` takes none: write `{key}`"));
    None
}

/// `path` or `"path"`.
fn krate(cx: &Ctxt, key: &Ident, given: &Given) -> Option<Path> {
    let parsed = match given {
        Given::Value(value) => match syn::parse2::<LitStr>(value.clone()) {
            Ok(text) => text.parse_with(Path::parse_mod_style).ok(),
            Err(_) => Path::parse_mod_style.parse2(value.clone()).ok(),
        },
        _ => None,
    };
    if parsed.is_none() {
        cx.error(
            spot(key, given),
            "expected the path where synckit is found: `crate = path::to::synckit`",
        );
    }
    parsed
}

/// The place of a mistake about the value of a key.
fn spot(key: &Ident, given: &Given) -> TokenStream {
    let given = given.tokens();
    if given.is_empty() { key.to_token_stream() } else { given }
}
