//! Whole worlds, seed after seed.
//!
//! `SYNCKIT_SEEDS=20000` lives through more of them, `SYNCKIT_SEED=17` through one again, both through so many from
//! there on, and `SYNCKIT_THREADS=1` keeps to one core.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::world::{Report, live};

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 300;
/// A long run says how far it has come.
const PROGRESS_EVERY: u64 = 10_000;

#[test]
fn whatever_goes_wrong_nothing_acknowledged_is_lost_and_all_converge() {
    let seeds = match (number("SYNCKIT_SEED"), number("SYNCKIT_SEEDS")) {
        (Some(first), seeds) => first..first + seeds.unwrap_or(1),
        (None, seeds) => 0..seeds.unwrap_or(SEEDS),
    };
    let threads = number("SYNCKIT_THREADS").unwrap_or_else(cores);
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Report::default());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Report::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    own += live(seed, None).unwrap_or_else(|broken| panic!("{broken}"));
                    if (seed + 1).is_multiple_of(PROGRESS_EVERY) {
                        println!("{} seeds", seed + 1);
                    }
                }
                *total.lock().unwrap() += own;
            });
        }
    });
    println!("{} seeds: {:?}", seeds.end - seeds.start, total.into_inner().unwrap());
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

fn cores() -> u64 {
    thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}
