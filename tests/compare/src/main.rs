//! Compares the rule `text` with other crates: the same edits of single characters in the shape of the
//! automerge-perf trace (runs of typing, some deletions, jumps), each a change of its own, made on one
//! document and applied to another one by one, as events are.
//!
//! ```text
//! cargo run --release --manifest-path tests/compare/Cargo.toml -- synckit loro
//! ```
//!
//! The crates are `synckit`, `loro`, `yrs` and `automerge`; there are 260,000 edits, or as many as
//! `SYNCKIT_EDITS` says. The time that yrs and automerge take grows with the square of them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

mod others;
mod ours;

use std::time::{Duration, Instant};

const EDITS: u64 = 260_000;

/// An edit of one character, at a position in characters.
#[derive(Clone, Copy)]
enum Edit {
    Insert(usize, &'static str),
    Delete(usize),
}

/// The times and sizes of one crate.
struct Told {
    made: Duration,
    applied: Duration,
    written: Duration,
    read: Duration,
    /// Bytes of the state, and of all changes.
    state: usize,
    changes: usize,
    /// The text, which is the same for all.
    text: String,
}

fn main() {
    let count = std::env::var("SYNCKIT_EDITS").map_or(EDITS, |text| text.parse().unwrap());
    let edits = edits(count);
    let mut text = None;
    for name in std::env::args().skip(1) {
        let told = match name.as_str() {
            "synckit" => ours::synckit(&edits),
            "loro" => others::loro(&edits),
            "yrs" => others::yrs(&edits),
            "automerge" => others::automerge(&edits),
            other => panic!("`{other}` is none of synckit, loro, yrs and automerge"),
        };
        let Told { made, applied, written, read, state, changes, .. } = told;
        println!(
            "{name}: {count} edits made in {made:.0?}, applied in {applied:.0?}; {changes} bytes of changes; \
             {state} bytes of state, written in {written:.1?}, read in {read:.1?}"
        );
        assert!(text.is_none_or(|text| text == told.text), "another text");
        text = Some(told.text);
    }
}

/// The time that some work takes, and what it gives.
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

/// The edits of the bench `merge`.
fn edits(count: u64) -> Vec<Edit> {
    let (mut rng, mut at, mut len) = (Rng(7), 0, 0);
    let mut edits = Vec::new();
    for seq in 1..=count {
        if rng.below(25) == 0 {
            at = if rng.below(3) == 0 { rng.below(len + 1) } else { len.min(at + rng.below(40)) };
        }
        let deletes = at > 0 && rng.below(100) < 25;
        if deletes {
            (at, len) = (at - 1, len - 1);
            edits.push(Edit::Delete(at));
        } else {
            edits.push(Edit::Insert(at, ["e", "t", " ", "o"][usize::try_from(seq % 4).unwrap()]));
            (at, len) = (at + 1, len + 1);
        }
    }
    edits
}

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % end as u64).unwrap()
    }
}
