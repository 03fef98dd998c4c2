//! Measures synckit side by side with a straightforward pipeline and with a raw file.
//!
//! `cargo bench -p synckit --bench speed` prints one table in under two minutes;
//! `-- --full` takes larger logs and more rounds, and `-- NAME …` only the works whose names
//! contain one of these words.
//!
//! - The *reference* is what one would write first with the same crates: a redb row for each
//!   event, prost messages in tonic streams, one durable commit for each batch of 1,000. It folds
//!   nothing, signs nothing, and keeps its connections open. Its hub finds what it holds by an
//!   index of ids; the *tuned* one by a frontier, with up to four batches in one commit.
//! - The *raw file* takes the same events with one write and one fsync for each batch.
//!
//! `-- load` prints instead what a hub bears, `-- load 1,000` for loads of such names: see `load.rs`.
//!
//! Each work runs in processes of its own, the two sides in turn, round by round. Figures are
//! medians. Quote the ratios: the absolute figures say as much about the machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark"
)]

mod child;
mod event;
mod light;
mod load;
mod measure;
mod ours;
mod raw;
mod reference;
mod report;
mod works;

use works::Size;

fn main() {
    // Cargo adds `--bench` to what it was given.
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let Some(("child", rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return child::run(rest);
    }
    let (options, names): (Vec<_>, Vec<_>) = args.into_iter().partition(|arg| arg == "--full");
    let size = if options.is_empty() { Size::QUICK } else { Size::FULL };
    if let Some(("load", loads)) = names.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        println!("{}", report::machine());
        return load::run(size.rounds, loads);
    }
    report::print(&size, &works::run(&size, &names));
}
