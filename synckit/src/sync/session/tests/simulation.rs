//! Whole worlds, seed after seed.
//!
//! `SYNCKIT_SEEDS=20000` lives through more of them, `SYNCKIT_SEED=17` through one again.

use std::env;

use super::world::{Report, live};

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 300;

#[test]
fn whatever_goes_wrong_nothing_acknowledged_is_lost_and_all_converge() {
    let seeds = match (number("SYNCKIT_SEED"), number("SYNCKIT_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, seeds) => 0..seeds.unwrap_or(SEEDS),
    };
    let mut total = Report::default();
    for seed in seeds.clone() {
        let report = live(seed, None).unwrap_or_else(|broken| panic!("{broken}"));
        total.events += report.events;
        total.frames += report.frames;
        total.sessions += report.sessions;
        total.crashes += report.crashes;
        total.accidents += report.accidents;
        total.forks += report.forks;
    }
    println!("{} seeds: {total:?}", seeds.count());
}

#[test]
fn the_same_seed_tells_the_same_story_twice() {
    for seed in 1_000..1_010 {
        assert_eq!(live(seed, None).unwrap(), live(seed, None).unwrap());
    }
    assert_ne!(live(1, None).unwrap().trace, live(2, None).unwrap().trace);
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}
