//! Programs that are made of a published one by edits of its source. Each is refused when it is
//! built, with a message that names what was edited, or exchanges events with the published one, and
//! every event means the same to both or is parked with a reason. There is no other outcome.
//!
//! `SYNCKIT_MUTANTS=2500` says how many are tried; `SYNCKIT_SEED` repeats a run.

#[path = "mutants/grammar.rs"]
mod grammar;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use grammar::{Edit, Mutant, Program, edits, mutants_of};

use crate::support::Ledger;

const PRELUDE: &str = include_str!("mutants/prelude.rs");
/// The mutants of a run that nobody asks for more of.
const SOME: usize = 120;
/// The mutants in a package that is built at once.
const AT_ONCE: usize = 700;
/// The builds after which no mutant may be refused any more: rustc does not look at types while
/// there are mistakes that macros report.
const BUILDS_MAX: usize = 6;

#[test]
fn edited_programs_are_refused_or_understood() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap())
    };
    let seed = number("SYNCKIT_SEED", 2026);
    let count = number("SYNCKIT_MUTANTS", SOME as u64) as usize;
    println!("SYNCKIT_SEED={seed} SYNCKIT_MUTANTS={count}");
    let ledger = published();
    let edits = edits();
    let mutants = chosen(&edits, count, seed);
    let mut tally = Tally::default();
    for some in mutants.chunks(AT_ONCE) {
        judge(&ledger, some, &mut tally);
    }
    println!("{} mutants: {tally:?}", mutants.len());
    assert!(tally.wrong.is_empty(), "seed {seed}: {:#?}", tally.wrong);
    assert!(tally.refused > 0 && tally.read > 0 && tally.parked > 0, "{tally:?}");
}

/// The outcomes of the mutants.
#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    refused_at_blessing: usize,
    /// Every event is read as what it means.
    read: usize,
    /// Some events are parked, each with a reason.
    parked: usize,
    wrong: Vec<String>,
}

/// A package in which the first two versions are locked.
fn published() -> Ledger {
    let ledger = Ledger::new("mutants", "");
    let program = |program: &Program| {
        format!(
            "mod prelude;\npub use prelude::*;\npub use std::collections::BTreeSet;\n\
             pub use synckit::{{SyncEvent, SyncValue}};\npub mod second {{\n{}}}\n\
             #[cfg(test)]\nsynckit::schema_test!(locks, \
             synckit::schema::Schemas::new().event::<second::Paid>());\n",
            program.source("", true)
        )
    };
    ledger.write_file("src/prelude.rs", PRELUDE);
    ledger.write(&program(&Program::first()));
    ledger.bless();
    ledger.write(&program(&Program::second()));
    ledger.bless();
    ledger
}

/// All mutants of one edit, as many as are asked for, and then those of two, at random.
fn chosen(edits: &[Edit], count: usize, seed: u64) -> Vec<Mutant> {
    let mut random = Random(seed);
    let mut single: Vec<_> = edits.iter().flat_map(|edit| mutants_of(&[edit])).collect();
    // A small run takes some of everything.
    let mut chosen = Vec::new();
    let half = if count >= 2 * single.len() { single.len() } else { count / 2 };
    while chosen.len() < half && !single.is_empty() {
        chosen.push(single.swap_remove(random.below(single.len())));
    }
    while chosen.len() < count {
        let pair = [&edits[random.below(edits.len())], &edits[random.below(edits.len())]];
        let mut all = mutants_of(&pair);
        if !all.is_empty() {
            chosen.push(all.swap_remove(random.below(all.len())));
        }
    }
    chosen
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

fn judge(ledger: &Ledger, mutants: &[Mutant], tally: &mut Tally) {
    let base = Program::second();
    for (index, mutant) in mutants.iter().enumerate() {
        let program = &mutant.program;
        let own = (&program.spot, &program.level, program.spot_version, program.level_version)
            != (&base.spot, &base.level, base.spot_version, base.level_version)
            || (program.default, program.other, program.spot_named)
                != (base.default, base.other, base.spot_named);
        ledger.write_file(&format!("src/m{index}.rs"), &program.source("", own));
    }
    let mut alive: BTreeSet<usize> = (0..mutants.len()).collect();
    for build in 0.. {
        assert!(build < BUILDS_MAX, "mutants are still refused after {build} builds");
        ledger.write(&root(&alive, mutants));
        let said = errors(ledger);
        if said.is_empty() {
            break;
        }
        for (index, messages) in said {
            let mutant = &mutants[index];
            let names = |message: &String| {
                mutant.names.iter().any(|name| message.contains(&format!("`{name}`")))
            };
            if messages.iter().any(names) {
                tally.refused += 1;
            } else {
                tally.wrong.push(format!("{}: no message names it: {messages:#?}", mutant.what));
            }
            assert!(alive.remove(&index), "{}", mutant.what);
        }
    }
    let output = ledger.cargo_run();
    for line in output.lines() {
        let Some((what, outcome)) = line.split_once(": ") else { continue };
        let index: usize = what.trim_start_matches('m').parse().unwrap();
        assert!(alive.remove(&index));
        match outcome.split(' ').next() {
            Some("fine") if outcome.starts_with("fine 0 ") => tally.read += 1,
            Some("fine") => tally.parked += 1,
            Some("refused") => tally.refused_at_blessing += 1,
            _ => tally.wrong.push(format!("{}: {outcome}", mutants[index].what)),
        }
    }
    assert!(alive.is_empty(), "{alive:?} said nothing: {output}");
}

/// The root of the package, with those mutants.
fn root(alive: &BTreeSet<usize>, mutants: &[Mutant]) -> String {
    let mut out = format!(
        "#![allow(dead_code, deprecated)]\nmod prelude;\npub use prelude::*;\n\
         pub use std::collections::BTreeSet;\npub use synckit::{{SyncEvent, SyncValue}};\n\
         pub mod first {{\n{}}}\npub mod second {{\n{}}}\n",
        Program::first().source(", lock = none", false),
        Program::second().source("", true)
    );
    let mut main = String::new();
    for index in alive {
        let version = mutants[*index].program.version;
        let _ = writeln!(out, "pub mod m{index};");
        let _ = writeln!(
            main,
            "    exchange::<first::Paid, second::Paid, m{index}::Paid>(\"m{index}\", {version}, \
             &synckit::schema::Schemas::new().event::<m{index}::Paid>(), &root);"
        );
    }
    let _ = write!(
        out,
        "pub fn run() {{\n    let root = std::env::temp_dir().join(format!(\"synckit-mutants-{{}}\", \
         std::process::id()));\n{main}    std::fs::remove_dir_all(&root).ok();\n}}\n"
    );
    out
}

/// The messages of rustc about each mutant that it refuses.
fn errors(ledger: &Ledger) -> BTreeMap<usize, Vec<String>> {
    let mut said: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for line in ledger.messages().lines() {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let message = &line["message"];
        if message["level"] != "error" {
            continue;
        }
        let text = message["message"].as_str().unwrap_or_default().to_owned();
        let spans = message["spans"].as_array().cloned().unwrap_or_default();
        let files = spans.iter().filter(|span| span["is_primary"] == true);
        let files = files.filter_map(|span| span["file_name"].as_str());
        let mut index = files.filter_map(|file| {
            file.strip_prefix("src/m")?.strip_suffix(".rs")?.parse::<usize>().ok()
        });
        match index.next() {
            Some(index) => said.entry(index).or_default().push(text),
            None => elsewhere.push(text),
        }
    }
    elsewhere.retain(|text| !text.starts_with("aborting due to"));
    assert!(elsewhere.is_empty() || !said.is_empty(), "{elsewhere:#?}");
    said
}

impl Ledger {
    fn messages(&self) -> String {
        self.output(self.cargo(&["check", "--message-format=json"])).0
    }

    fn cargo_run(&self) -> String {
        self.write_file("src/main.rs", "fn main() { mutants::run(); }\n");
        let (out, err) = self.output(self.cargo(&["run", "--quiet"]));
        self.remove_file("src/main.rs");
        assert!(!out.is_empty(), "{err}");
        out
    }

    fn output(&self, mut cargo: Command) -> (String, String) {
        let output = cargo.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }
}
