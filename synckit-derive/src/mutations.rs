//! Whatever is written, the macros answer with code or with errors, never with a panic.

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::lock::locate::Locks;

const EVENT: &str = r##"
    #[event(name = "note", version = 2, crate = "a::b")]
    pub enum NoteEvent {
        Created,
        #[event(name = "note.renamed", version = 3, commutes)] Set(String, u32),
        Moved { #[field(3, was = "inn", default)] r#in: Vec<u8>, to: Option<String> },
        #[event(flatten)] Signed(Signed),
    }
"##;
const VALUE: &str = r#"
    #[value(crate = other, name = "outline", version = 2, lock = required)]
    enum Outline<T> {
        #[value(3, was = "Point")] Dot = 4,
        #[value(other)] Unheard(u32),
        Circle { #[field(19000)] centre: Point, radius: u32 },
        #[value(7)] Polygon(Vec<T>, #[field(1)] u8),
    }
"#;
const AGGREGATE: &str = r#"
    #[derive(Clone, Debug)]
    pub(crate) struct Inspection {
        #[merge(lww)] title: String,
        #[merge(max)] severity: Severity,
        #[merge(set(remove_wins))] r#type: BTreeSet<String>,
        #[merge(resolve = strictest)] #[cfg(test)] _1: u8,
        #[merge(counter)] visits: u128,
        #[merge(map(flag))] done: BTreeMap<String, bool>,
        #[merge(fww, quiet)] opened: u64,
        #[merge(map(with = a::worst, revision = 2))] grades: BTreeMap<u8, Option<Grade>>,
        #[merge(fields)] address: a::Address,
        #[merge(manual)] terms: Pending<String>,
        #[merge(map(rule = a::Newest))] remarks: BTreeMap<u8, String>,
    }
"#;
const ARGUMENTS: &str = r#"name = "inspection", version = 2, events(Signed, a::Closed), crate = b"#;

#[test]
fn events_missing_a_character() {
    let locks = Locks::of(&[]);
    each_without_a_character(EVENT, |text| expanded(text, |input| crate::event(&locks, input)));
}

#[test]
fn values_missing_a_character() {
    let locks = Locks::of(&[]);
    each_without_a_character(VALUE, |text| expanded(text, |input| crate::value(&locks, input)));
}

#[test]
fn aggregates_missing_a_character() {
    let locks = Locks::of(&[]);
    let arguments: TokenStream = ARGUMENTS.parse().unwrap();
    each_without_a_character(AGGREGATE, |text| {
        expanded(text, |input| crate::aggregate(&locks, arguments.clone(), input.clone()));
    });
}

#[test]
fn arguments_missing_a_character() {
    let locks = Locks::of(&[]);
    let input: DeriveInput = syn::parse_str(AGGREGATE).unwrap();
    each_without_a_character(ARGUMENTS, |text| {
        if let Ok(arguments) = text.parse::<TokenStream>() {
            is_code(&crate::aggregate(&locks, arguments, input.clone()));
        }
    });
}

fn each_without_a_character(text: &str, check: impl Fn(&str)) {
    for (at, char) in text.char_indices() {
        check(&format!("{}{}", &text[..at], &text[at + char.len_utf8()..]));
    }
}

/// Expands what the compiler would have handed to the macro: the rest is refused before.
fn expanded(text: &str, expand: impl Fn(&DeriveInput) -> TokenStream) {
    if let Ok(input) = syn::parse_str::<DeriveInput>(text) {
        is_code(&expand(&input));
    }
}

fn is_code(expanded: &TokenStream) {
    let parsed = syn::parse2::<syn::File>(expanded.clone());
    assert!(parsed.is_ok(), "{:?} in {expanded}", parsed.err());
}
