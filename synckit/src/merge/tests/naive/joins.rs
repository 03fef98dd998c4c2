//! `with`: joins that are functions of the application.

use super::entries::holds_in_map;
use super::*;

/// All bits that were ever written.
#[derive(Debug)]
enum Union {}

impl Joiner for Union {
    type Value = u8;
    const LAW: Law = Law::with("union", 1);

    fn join(one: u8, other: u8) -> u8 {
        one | other
    }
}

/// Says nothing of which of two equal values it prefers.
#[derive(Debug)]
enum Longer {}

impl Joiner for Longer {
    type Value = Caseless;
    const LAW: Law = Law::with("longer", 1);

    fn join(one: Caseless, other: Caseless) -> Caseless {
        if one.0.len() < other.0.len() { other } else { one }
    }
}

#[test]
fn with_shows_the_join_of_all_that_was_written() {
    holds::<u8, JoinBy<Union>>(bits, |_| true, |history| union(history).unwrap_or_default());
    holds::<Option<u8>, JoinBy<Union>>(bits, |_| true, union);
}

#[test]
fn a_join_that_prefers_a_side_shows_the_same_bytes_everywhere() {
    holds::<Option<Caseless>, JoinBy<Longer>>(
        |rng| JoinOp::Joined(text(rng)),
        |_| true,
        |history| {
            let values = history.iter().map(|Made { op: JoinOp::Joined(value), .. }| value);
            values.max_by_key(|value| (value.0.len(), std::cmp::Reverse(&value.0))).cloned()
        },
    );
}

#[test]
fn an_entry_shows_the_join_of_what_no_removal_had_seen() {
    holds_in_map::<u8, JoinBy<Union>>(
        bits,
        |_| true,
        |history| union(history).unwrap_or_default(),
        |_| None,
    );
}

fn bits(rng: &mut Rng) -> JoinOp<u8> {
    JoinOp::Joined(1 << rng.below(4) | 1 << rng.below(4))
}

fn union(history: &[Made<JoinOp<u8>>]) -> Option<u8> {
    history.iter().map(|Made { op: JoinOp::Joined(bits), .. }| *bits).reduce(|all, bits| all | bits)
}

#[test]
fn locks_hold_the_function_and_its_revision() {
    let law = <Map<JoinBy<Union>> as Rule<BTreeMap<u8, u8>>>::LAW;
    assert_eq!(
        (law.locked().as_str(), law.to_string().as_str()),
        ("map(with(union@1))", "map(with(union))")
    );
}
