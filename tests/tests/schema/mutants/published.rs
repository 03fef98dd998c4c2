//! The published program on disk: its package, those that it depends on, and its two binaries.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::program::{Field, Program, Ty, field, value};
use crate::support::Ledger;

const MEASURE: &str = include_str!("measure.rs");
const PACKAGE: &str = "published";

/// The published program.
pub(crate) struct Published {
    ledger: Ledger,
    /// The packages that it depends on, which live as long.
    _others: Vec<Ledger>,
    /// The locks of both versions.
    locks: BTreeMap<String, String>,
    first: PathBuf,
    second: PathBuf,
}

/// The root of the package without tests and mutants.
pub(crate) fn root(program: &Program) -> String {
    format!(
        "#![allow(dead_code, deprecated)]\npub use measure::*;\n\
         pub use std::collections::{{BTreeMap, BTreeSet}};\n\
         pub use synckit::{{SyncEvent, SyncValue}};\npub mod second {{\n{}}}\n",
        program.source()
    )
}

fn program(program: &Program) -> String {
    format!(
        "{}#[cfg(test)]\nsynckit::schema_test!(locks, measure::schemas::<second::Types>());\n",
        root(program)
    )
}

impl Published {
    pub(crate) fn new() -> Self {
        let measure = Ledger::new("measure", MEASURE);
        let spot = Program::first().spot;
        let turned: Vec<_> = spot.iter().cloned().rev().collect();
        let mut later = spot.clone();
        later.push(field("z", Ty::MaybeUnsigned32));
        let package = |name, ty: &str, version, fields: &[Field]| {
            Ledger::depending(name, &of_value(ty, version, fields), &[&measure])
        };
        let carried = package("carried", "Spot", 1, &spot);
        let bare = package("bare", "Spot", 1, &spot);
        let swapped = package("swapped", "Spot", 1, &turned);
        let next = package("later", "Spot", 2, &later);
        let placed = package("placed", "Place", 1, &spot);
        carried.bless();
        let lock = carried.lock("value.Spot");
        [&placed, &next].into_iter().for_each(|it| it.write_new_lock("value.Spot", &lock));
        [&swapped, &next].into_iter().for_each(Ledger::bless);
        let others = [&measure, &carried, &bare, &swapped, &next, &placed];
        let ledger = Ledger::depending(PACKAGE, "", &others);
        ledger.append_to_manifest("\n[profile.dev.package.published]\ndebug = 0\n");

        ledger.write(&program(&Program::first()));
        ledger.bless();
        let first = ledger.build("first");
        ledger.write(&program(&Program::second()));
        ledger.bless();
        let second = ledger.build("second");

        assert_eq!(ledger.lock("value.Spot"), lock, "a lock is the same in every package");
        let locks = ledger.files("schemas");
        let published = Self {
            ledger,
            _others: vec![measure, carried, bare, swapped, next, placed],
            locks,
            first,
            second,
        };
        for (program, author, name) in
            [(&published.first, "1", "first"), (&published.second, "2", "second")]
        {
            let played = published.ledger.run_binary(program, &["play", author, "play", name]);
            assert!(played.starts_with(&format!("{name}: fine 0 parked")), "{played}");
        }
        published
    }

    pub(crate) fn write_module(&self, name: &str, source: &str) {
        self.ledger.write_file(&format!("src/{name}.rs"), source);
    }

    pub(crate) fn write_root(&self, source: &str) {
        self.ledger.write(source);
    }

    /// Messages of cargo about the package, as lines of JSON.
    pub(crate) fn messages(&self) -> String {
        self.ledger.output(&["check", "--message-format=json"])
    }

    /// Runs all mutants of the package: the outcome of each.
    pub(crate) fn run_mutants(&self) -> Vec<(usize, String)> {
        let main = "fn main() { published::run(std::path::Path::new(\"play\")); }\n";
        let program = self.ledger.build_with("mutants", main);
        outcomes(&self.ledger.run_binary(&program, &[]))
    }

    /// Outcomes of the second program's reading of what mutants have written.
    pub(crate) fn answers(&self, of: impl Iterator<Item = usize>) -> Vec<(usize, String)> {
        let names: Vec<_> = of.map(|index| format!("m{index}")).collect();
        let names = names.iter().map(String::as_str);
        let words: Vec<_> = ["answer", "play"].into_iter().chain(names).collect();
        outcomes(&self.ledger.run_binary(&self.second, &words))
    }

    /// Builds a program as the package: blesses its locks, builds it with them, and has it and the second
    /// program read one another.
    pub(crate) fn run_whole(&self, edited: &Program) -> [String; 2] {
        if edited.spot_from.is_some() {
            self.ledger.remove_lock("value.Spot");
        }
        self.ledger.write(&program(edited));
        self.ledger.bless();
        let whole = self.ledger.build("whole");
        for (name, text) in &self.locks {
            self.ledger.write_file(&format!("schemas/{name}"), text);
        }
        let outcome = |said: String| said.trim().split_once(": ").unwrap().1.to_owned();
        let played = self.ledger.run_binary(&whole, &["play", "3", "play", "whole"]);
        let answer = self.ledger.run_binary(&self.second, &["answer", "play", "whole"]);
        [outcome(played), outcome(answer)]
    }
}

fn outcomes(said: &str) -> Vec<(usize, String)> {
    let outcome = |line: &str| {
        let (name, outcome) = line.split_once(": ")?;
        Some((name.strip_prefix('m')?.parse().ok()?, outcome.to_owned()))
    };
    said.lines().filter_map(outcome).collect()
}

/// A package with a value type that is called `Spot` where it is stored.
fn of_value(ty: &str, version: u32, fields: &[Field]) -> String {
    let mut out = "pub use measure::*;\npub use synckit::SyncValue;\n".to_owned();
    let name = if ty == "Spot" { "" } else { ", name = \"Spot\"" };
    value(&mut out, ty, name, version, fields);
    if ty != "Spot" {
        let _ = writeln!(out, "pub type Spot = {ty};");
    }
    out.push_str(
        "#[cfg(test)]\nsynckit::schema_test!(locks, synckit::schema::Schemas::new().value::<Spot>());\n",
    );
    out
}
