//! Programs that are made of a published one by edits of its source. Each is refused when it is
//! built, with a message that names what was edited, or exchanges events with the published one, and
//! every event means the same to both or is parked with a reason. There is no other outcome.
//!
//! The published program stands in a package of its own. Cargo builds it as it was in its first version
//! and in its second one, each with its locks, and keeps both binaries; they and the edited programs
//! exchange files. Most edited programs are modules of one binary, whose locks are blessed elsewhere;
//! some are built as the package itself, blessed and built again, and have to do exactly the same.
//!
//! `SYNCKIT_MUTANTS=2500` says how many are tried; `SYNCKIT_SEED` repeats a run.

#[path = "mutants/grammar.rs"]
mod grammar;
#[path = "mutants/merged.rs"]
mod merged;
#[path = "mutants/program.rs"]
mod program;
#[path = "mutants/published.rs"]
mod published;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use grammar::{Edit, Mutant, edits, mutants_of};
use program::Program;
use published::Published;

/// The mutants of a run that nobody asks for more of.
const SOME: usize = 120;
/// The mutants in a package that is built at once.
const AT_ONCE: usize = 400;
/// Of so many mutants that are not refused, one is built as a package as well.
const WHOLE_OF: usize = 12;
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
    let published = Published::new();
    let edits = edits();
    let mutants = chosen(&edits, count, seed);
    let mut tally = Tally::default();
    for some in mutants.chunks(AT_ONCE) {
        judge(&published, some, &mut tally);
        println!("{tally:?}");
    }
    println!("{} mutants: {tally:?}", mutants.len());
    assert!(tally.wrong.is_empty(), "seed {seed}: {:#?}", tally.wrong);
    assert!(tally.refused > 0 && tally.read > 0 && tally.parked > 0, "{tally:?}");
    assert!(tally.whole > 0, "{tally:?}");
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
    /// Those of the last two that were built as packages as well.
    whole: usize,
    wrong: Vec<String>,
}

/// All mutants of one edit, as many as are asked for, and then those of two, at random.
fn chosen(edits: &[Edit], count: usize, seed: u64) -> Vec<Mutant> {
    let mut random = Random(seed);
    let mut single: Vec<_> = edits.iter().flat_map(|edit| mutants_of(&[edit])).collect();
    println!("{} edits, {} mutants of one", edits.len(), single.len());
    // A small run takes some of everything.
    let mut chosen = Vec::new();
    let half = if count >= single.len() + single.len() / 4 { single.len() } else { count / 2 };
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

fn judge(published: &Published, mutants: &[Mutant], tally: &mut Tally) {
    for (index, mutant) in mutants.iter().enumerate() {
        published.write_module(&format!("m{index}"), &mutant.program.source_beside());
    }
    let mut alive: BTreeSet<usize> = (0..mutants.len()).collect();
    for build in 0.. {
        assert!(build < BUILDS_MAX, "mutants are still refused after {build} builds");
        published.write_root(&root(&alive, mutants));
        let said = errors(&published.messages());
        if said.is_empty() {
            break;
        }
        for (index, messages) in said {
            let mutant = &mutants[index];
            if messages.iter().any(|message| mutant.is_named(message)) {
                tally.refused += 1;
            } else {
                tally.wrong.push(format!("{}: no message names it: {messages:#?}", mutant.what));
            }
            assert!(alive.remove(&index), "{}", mutant.what);
        }
    }
    let mut fine = BTreeMap::new();
    for (index, outcome) in published.run_mutants() {
        let mutant = &mutants[index];
        assert!(alive.remove(&index), "{}", mutant.what);
        match outcome.split(' ').next() {
            Some("fine") => drop(fine.insert(index, outcome)),
            Some("refused") if mutant.is_named(&outcome) => tally.refused_at_blessing += 1,
            _ => tally.wrong.push(format!("{}: {outcome}", mutant.what)),
        }
    }
    assert!(alive.is_empty(), "{alive:?} said nothing");
    for (index, answer) in published.answers(fine.keys().copied()) {
        let (mutant, outcome) = (&mutants[index], &fine[&index]);
        match answer.split(' ').next() {
            Some("fine") if [outcome, &answer].into_iter().all(|it| it.starts_with("fine 0 ")) => {
                tally.read += 1;
            }
            Some("fine") => tally.parked += 1,
            _ => tally.wrong.push(format!("{}: {answer}", mutant.what)),
        }
        if (tally.read + tally.parked) % WHOLE_OF == 1 {
            tally.whole += 1;
            let whole = published.run_whole(&mutant.program);
            let drafted = [outcome.clone(), answer];
            if whole != drafted {
                let what = &mutant.what;
                tally.wrong.push(format!("{what}, as a package: {whole:?}, not {drafted:?}"));
            }
        }
    }
}

impl Mutant {
    /// True if a message names what was edited.
    fn is_named(&self, message: &str) -> bool {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
        let mut words = message.split(|c| !is_of_name(c)).map(|word| word.trim_matches('.'));
        words.any(|word| self.names.iter().any(|name| name == word))
    }
}

/// The root of the package, with those mutants.
fn root(alive: &BTreeSet<usize>, mutants: &[Mutant]) -> String {
    let mut out = published::root(&Program::second());
    let mut main = String::new();
    for index in alive {
        let mutant = &mutants[*index];
        let gone = if mutant.program.spot_from.is_some() { "\"value.Spot.lock\"" } else { "" };
        let _ = writeln!(out, "pub mod m{index};");
        let _ = writeln!(
            main,
            "    measure::draft::<m{index}::Types>(\"m{index}\", package, root, folder, &[{gone}], {});",
            mutant.keeps_the_oldest()
        );
    }
    let _ = write!(
        out,
        "pub fn run(folder: &std::path::Path) {{\n    \
         let (package, root) = (env!(\"CARGO_PKG_NAME\"), env!(\"CARGO_MANIFEST_DIR\"));\n{main}}}\n"
    );
    out
}

/// The messages of rustc about each mutant that it refuses.
fn errors(said: &str) -> BTreeMap<usize, Vec<String>> {
    let mut of_mutants: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for line in said.lines() {
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
            Some(index) => of_mutants.entry(index).or_default().push(text),
            None => elsewhere.push(text),
        }
    }
    elsewhere.retain(|text| !text.starts_with("aborting due to"));
    assert!(elsewhere.is_empty() || !of_mutants.is_empty(), "{elsewhere:#?}");
    of_mutants
}
