//! Expansions in crates of every edition, under clippy's strictest lints, and of great size.

use std::fmt::Write as _;

use crate::support::{Ledger, PAID};

#[test]
fn every_edition_compiles_the_expansions() {
    // Paths of the 2018 edition and later; the aggregate, an event and a value.
    let ledger = Ledger::new("editions", PAID);
    for edition in ["2018", "2021", "2024"] {
        ledger.set_edition(edition);
        ledger.check(&[]).passes();
    }
}

#[test]
fn clippy_finds_nothing_to_complain_about() {
    let strict = "#![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery)]\n\
                  #![allow(dead_code, clippy::redundant_pub_crate)]\n";
    let ledger = Ledger::new("strict", &format!("{strict}{PAID}"));
    ledger.clippy().passes();
}

#[test]
fn many_fields_and_variants() {
    let mut source = "#![deny(warnings)]\n#[derive(synckit::SyncEvent, Clone, Debug)]\n\
                      #[event(name = \"great.event\")]\npub struct Great {\n"
        .to_owned();
    for field in 0..200 {
        let ty = ["u64", "String", "Option<i32>", "Vec<u16>"][field % 4];
        writeln!(source, "pub field_{field}: {ty},").unwrap();
    }
    source += "}\n#[derive(synckit::SyncEvent, Clone, Debug)]\n#[event(name = \"great\")]\npub enum Events {\n";
    (0..300).for_each(|variant| writeln!(source, "Number{variant}(u32),").unwrap());
    source += "}\n#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]\npub enum Numbers {\n";
    (0..300).for_each(|variant| writeln!(source, "Number{variant},").unwrap());
    source += "}\n#[derive(synckit::SyncValue, Clone, Debug, PartialEq)]\npub enum Parts {\n";
    (0..300).for_each(|variant| writeln!(source, "Number{variant} {{ part: u32 }},").unwrap());
    source += "}\n#[synckit::sync_aggregate(name = \"great_note\")]\n#[derive(Clone, Debug)]\npub struct Note {\n";
    (0..200).for_each(|field| writeln!(source, "#[merge(lww)] pub field_{field}: u64,").unwrap());
    source += "}\npub fn registry() -> synckit::Registry { synckit::registry![Note] }\n";
    Ledger::new("great", &source).check(&[]).passes();
}

#[test]
fn an_aggregate_of_three_hundred_events_is_locked() {
    let mut source = String::new();
    for number in 0..300 {
        writeln!(
            source,
            "#[derive(synckit::SyncEvent, Clone, Debug)]\n#[event(name = \"many.event{number}\")]\n\
             pub struct Event{number} {{ pub at: u64 }}\n\
             impl synckit::Lower<Event{number}> for Many {{\n\
             fn lower(_: &Event{number}, _: &mut ManyOps<'_>) {{}} }}"
        )
        .unwrap();
    }
    let listed: String = (0..300).map(|number| format!("Event{number}, ")).collect();
    writeln!(
        source,
        "#[synckit::sync_aggregate(name = \"many\", events({listed}))]\n#[derive(Clone, Debug)]\n\
         pub struct Many {{ #[merge(lww)] pub title: String }}\n\
         #[cfg(test)]\nsynckit::schema_test!(synckit::registry![Many]);"
    )
    .unwrap();
    let ledger = Ledger::new("many", &source);
    ledger.bless();
    ledger.check(&["SYNCKIT_LOCKED"]).passes();
}
