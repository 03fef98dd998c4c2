//! Compares expansions with the texts in `golden/`. `SYNCKIT_BLESS=1` rewrites those.

use std::path::Path;
use std::{env, fs};

use proc_macro2::TokenStream;
use quote::quote;
use synckit_lock::completed;

use crate::lock::locate::Locks;

#[test]
fn an_event_of_five_fields_fits_on_a_page() {
    let expanded = crate::event(
        &Locks::of(&[]),
        &parsed(quote! {
            #[event(name = "inspection.signed")]
            pub struct Signed {
                pub by: UserId,
                pub outcome: Outcome,
                pub at: Option<u64>,
                pub remarks: Vec<String>,
                #[field(7)]
                pub pages: BTreeSet<u32>,
            }
        }),
    );
    let text = compare("event_struct.rs", expanded);
    assert!(text.lines().count() <= 60, "{} lines", text.lines().count());
}

#[test]
fn an_event_of_five_fields_whose_version_is_locked() {
    let lock = completed(
        "synckit lock 2\nevent inspection.signed\nversion 1\nmin_reader 1\n1 who UserId@1#00000000000000aa\n\
         2 outcome Outcome@1#00000000000000bb\n3 at u32\n4 place string\nfingerprint ?\nversion 2\nmin_reader 1\n\
         1 by UserId@1#00000000000000aa\n2 outcome Outcome@1#00000000000000bb\n3 at optional u64\n5 remarks list string\n\
         6 pages u32 default\nreserved 4 place\nfingerprint ?\n",
    );
    let expanded = crate::event(
        &Locks::of(&[("event.inspection.signed", &lock)]),
        &parsed(quote! {
            #[event(name = "inspection.signed", version = 2)]
            pub struct Signed {
                pub outcome: Outcome,
                pub by: UserId,
                pub at: Option<u64>,
                #[field(default)]
                pub pages: u32,
                pub remarks: Vec<String>,
            }
        }),
    );
    compare("event_locked.rs", expanded);
}

#[test]
fn an_event_that_follows_a_locked_version_and_converts_older_ones() {
    let lock = completed(
        "synckit lock 2\nevent inspection.signed\nversion 1\nmin_reader 1\n1 by UserId@1#00000000000000aa\n\
         2 place string\nfingerprint ?\n",
    );
    let locks = Locks::of(&[("event.inspection.signed", &lock)]);
    let next = quote! {
        #[event(name = "inspection.signed", version = 2)]
        #[upcast(from = SignedV1, with = placed)]
        pub struct Signed { pub by: UserId, pub place: Place }
    };
    let past = quote! {
        #[event(name = "inspection.signed", version = 1, historical)]
        pub struct SignedV1 { pub by: UserId, pub place: String }
    };
    compare("event_next.rs", crate::event(&locks, &parsed(next)));
    compare("event_historical.rs", crate::event(&locks, &parsed(past)));
}

#[test]
fn an_event_of_several_kinds() {
    let expanded = crate::event(
        &Locks::of(&[]),
        &parsed(quote! {
            #[event(name = "note", lock = none)]
            pub enum NoteEvent {
                Created,
                #[event(name = "note.renamed", version = 3)]
                TitleSet(String),
                #[event(commutes)]
                Tagged { tag: String, by: UserId },
                #[event(flatten)]
                Signed(Signed),
            }
        }),
    );
    compare("event_enum.rs", expanded);
}

#[test]
fn a_value_with_data() {
    let expanded = crate::value(
        &Locks::of(&[]),
        &parsed(quote! {
            pub enum Outline {
                Dot,
                Circle { centre: Point, radius: u32 },
                #[value(7)]
                Polygon(Vec<Point>),
            }
        }),
    );
    compare("value_enum.rs", expanded);
}

#[test]
fn an_aggregate_of_four_fields() {
    let arguments = quote!(name = "inspection", events(Signed));
    let expanded = crate::aggregate(
        &Locks::of(&[]),
        arguments,
        parsed(quote! {
            #[derive(Clone, Debug)]
            pub struct Inspection {
                #[merge(lww)]
                pub title: String,
                #[merge(max)]
                pub severity: Severity,
                #[merge(counter)]
                pub visits: i64,
                #[merge(set)]
                pub tags: BTreeSet<String>,
            }
        }),
    );
    let text = compare("aggregate.rs", expanded);
    assert!(text.lines().count() <= 300, "{} lines", text.lines().count());
}

#[test]
fn a_mistaken_type_is_inert() {
    let expanded = crate::event(
        &Locks::of(&[]),
        &parsed(quote! {
            #[event(name = "Signed")]
            pub struct Signed {
                #[field(0)]
                pub by: UserId,
            }
        }),
    );
    compare("event_mistaken.rs", expanded);
}

fn parsed(tokens: TokenStream) -> syn::DeriveInput {
    syn::parse2(tokens).unwrap()
}

fn compare(name: &str, expanded: TokenStream) -> String {
    let text = prettyplease::unparse(&syn::parse2(expanded).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if env::var_os("SYNCKIT_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{} is not what is generated; if the change is meant, run with SYNCKIT_BLESS=1:\n{text}",
        path.display()
    );
    text
}
