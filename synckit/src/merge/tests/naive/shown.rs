//! `multi` and `resolve`: rules that show all concurrent writes, or what a function makes of them.

use super::entries::holds_in_map;
use super::simple::unseen;
use super::*;

#[test]
fn multi_shows_the_different_values_that_no_other_writer_had_seen() {
    holds_with::<Conflicted<Caseless>, Multi>(
        |rng| MultiOp::Set(text(rng)),
        |_| false,
        |history| {
            let MultiOp::Set(last) = heads(history)
                .first()
                .map_or_else(|| MultiOp::Set(Caseless::default()), |write| write.op.clone());
            let mut values: Vec<Caseless> = Vec::new();
            for MultiOp::Set(value) in heads(history).into_iter().map(|write| &write.op) {
                if !values.iter().any(|other| other.0 == value.0) {
                    values.push(value.clone());
                }
            }
            if values.len() > 1 { Conflicted::Conflict(values) } else { Conflicted::Agreed(last) }
        },
        |history| open(history, |MultiOp::Set(value)| value.0.clone()),
    );
}

/// Neither associative nor idempotent: no join, and it converges all the same.
#[derive(Debug)]
enum Average {}

impl Resolver<u8> for Average {
    fn resolve(heads: &[Head<u8>]) -> u8 {
        let sum: usize = heads.iter().map(|head| usize::from(head.value)).sum();
        u8::try_from(sum / heads.len()).unwrap()
    }
}

#[test]
fn resolve_shows_what_the_function_makes_of_the_writes_that_no_other_had_seen() {
    holds_with::<u8, ResolveBy<Average>>(
        fifty,
        |_| false,
        average,
        |history| open(history, |ResolveOp::Set(value)| *value),
    );
}

#[test]
fn an_entry_shows_what_the_function_makes_of_the_writes_that_neither_write_nor_removal_had_seen() {
    holds_in_map::<u8, ResolveBy<Average>>(
        fifty,
        |_| false,
        average,
        |history| open(history, |ResolveOp::Set(value)| *value).pop(),
    );
}

fn fifty(rng: &mut Rng) -> ResolveOp<u8> {
    ResolveOp::Set(u8::try_from(rng.below(6)).unwrap() * 50)
}

fn average(history: &[Made<ResolveOp<u8>>]) -> u8 {
    let values = heads(history).into_iter();
    let values: Vec<_> =
        values.map(|Made { op: ResolveOp::Set(value), .. }| u64::from(*value)).collect();
    let sum: u64 = values.iter().sum();
    u8::try_from(sum.checked_div(values.len() as u64).unwrap_or(0)).unwrap()
}

/// The writes that no other one's author had seen, the last one first.
fn heads<O>(history: &[Made<O>]) -> Vec<&Made<O>> {
    let mut heads = unseen(history);
    heads.sort_by_key(|write| std::cmp::Reverse(write.order()));
    heads
}

/// None wins while there are several values.
fn open<O, V: Ord>(history: &[Made<O>], value: impl Fn(&O) -> V) -> Vec<Open> {
    let heads = heads(history);
    let values: BTreeSet<_> = heads.iter().map(|write| value(&write.op)).collect();
    let dots = heads.iter().map(|write| write.at.dot).collect();
    if values.len() > 1 { vec![(None, dots)] } else { Vec::new() }
}
