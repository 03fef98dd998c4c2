//! Every fuzz target of the library, on bytes near to sound ones, for a short time.
//!
//! `SYNCKIT_FUZZ=100000` tries more bytes on each, `SYNCKIT_SEED=17` others. `SYNCKIT_FUZZ_CORPUS=fuzz/corpus`
//! writes the samples where the fuzzer looks for them.

#[path = "fuzz/types.rs"]
mod types;

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use synckit::testing::Dice;
use synckit::testing::fuzz::{FuzzTarget, Mutator, targets};

use types::{Reading, Shed};

/// Inputs of each target in an ordinary run of the tests.
const INPUTS: u64 = 4_000;

#[test]
fn no_bytes_break_a_block() {
    holds("block");
}

#[test]
fn no_bytes_break_a_cursor() {
    holds("cursor");
}

#[test]
fn no_bytes_break_a_filter() {
    holds("filter");
}

#[test]
fn no_bytes_break_a_frame() {
    holds("frame");
}

#[test]
fn no_bytes_break_a_lock() {
    holds("lock");
}

#[test]
fn no_bytes_break_a_merge() {
    holds("merge");
}

#[test]
fn no_bytes_break_a_session() {
    holds("session");
}

#[test]
fn no_bytes_break_a_value() {
    holds("value");
}

#[test]
fn samples_are_sound() {
    for target in targets::<Reading, Shed>() {
        let samples = (target.samples)();
        assert!(!samples.is_empty(), "{}", target.name);
        samples.iter().for_each(|sample| (target.run)(sample));
        if let Ok(corpus) = env::var("SYNCKIT_FUZZ_CORPUS") {
            write(&Path::new(&corpus).join(target.name), &samples);
        }
    }
}

fn holds(name: &str) {
    let target = targets::<Reading, Shed>().into_iter().find(|target| target.name == name);
    let FuzzTarget { run, samples, .. } = target.unwrap();
    let (seed, inputs) = (number("SYNCKIT_SEED").unwrap_or(11), number("SYNCKIT_FUZZ"));
    let mut mutator = Mutator::new(samples(), Dice::new(seed));
    for nth in 0..inputs.unwrap_or(INPUTS) {
        let bytes = mutator.draw();
        if catch_unwind(AssertUnwindSafe(|| run(&bytes))).is_err() {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            panic!("{name}, SYNCKIT_SEED={seed}, input {nth}: {hex}");
        }
    }
}

fn write(folder: &Path, samples: &[Vec<u8>]) {
    fs::create_dir_all(folder).unwrap();
    for (nth, sample) in samples.iter().enumerate() {
        fs::write(folder.join(format!("sample-{nth}")), sample).unwrap();
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}
