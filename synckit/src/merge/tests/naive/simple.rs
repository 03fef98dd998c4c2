//! `lww`, `fww`, `flag`, `counter` and the sets.

use super::entries::holds_in_map;
use super::*;

#[test]
fn lww_shows_the_greatest_of_the_writes_that_no_other_had_seen() {
    let last = |history: &[Made<_>]| {
        unseen(history).into_iter().max_by_key(|write| write.order()).cloned()
    };
    holds_with::<Caseless, Lww>(
        |rng| LwwOp::Set(text(rng)),
        |_| false,
        |history| last(history).map(|Made { op: LwwOp::Set(value), .. }| value).unwrap_or_default(),
        |history| lost(last(history), unseen(history), |LwwOp::Set(value)| value.0.clone()),
    );
}

#[test]
fn fww_shows_the_least_of_the_writes_that_had_seen_no_other() {
    holds_with::<Caseless, Fww>(
        |rng| FwwOp::Set(text(rng)),
        |_| false,
        first_value,
        |history| open_firsts(history).into_iter().collect(),
    );
}

#[test]
fn an_entry_shows_the_first_of_the_writes_that_no_removal_had_seen() {
    holds_in_map::<Caseless, Fww>(|rng| FwwOp::Set(text(rng)), |_| false, first_value, open_firsts);
}

/// The writes that had seen no other, the first one first.
fn firsts(history: &[Made<FwwOp<Caseless>>]) -> Vec<&Made<FwwOp<Caseless>>> {
    let saw_none = |write: &&Made<_>| !history.iter().any(|other| write.saw(other));
    let mut firsts: Vec<_> = history.iter().filter(saw_none).collect();
    firsts.sort_by_key(|write| write.order());
    firsts
}

fn first_value(history: &[Made<FwwOp<Caseless>>]) -> Caseless {
    let first = firsts(history).into_iter().next();
    first.map(|Made { op: FwwOp::Set(value), .. }| value.clone()).unwrap_or_default()
}

fn open_firsts(history: &[Made<FwwOp<Caseless>>]) -> Option<Open> {
    let mut open = firsts(history);
    let first = open.first().copied().cloned();
    open.retain(|write| !history.iter().any(|later| later.saw(write)));
    lost(first, open, |FwwOp::Set(value)| value.0.clone()).pop()
}

#[test]
fn a_flag_is_on_if_a_write_that_no_other_had_seen_turned_it_on() {
    let on = |history: &[Made<_>]| {
        let unseen = unseen(history).into_iter();
        unseen
            .filter(|write| write.op == FlagOp::Set(true))
            .max_by_key(|write| write.order())
            .cloned()
    };
    holds_with::<bool, Flag>(
        |rng| FlagOp::Set(rng.below(2) == 0),
        |_| false,
        |history| on(history).is_some(),
        |history| lost(on(history), unseen(history), |FlagOp::Set(on)| *on),
    );
}

#[test]
fn a_counter_shows_the_sum_or_the_end_of_its_range() {
    narrow::<i8>();
    narrow::<u64>();
    wide::<i128>();
    wide::<u128>();
}

#[test]
fn a_set_holds_what_was_put_in_and_no_removal_had_seen() {
    holds::<BTreeSet<Caseless>, Set>(set_op, is_insertion, |history| {
        let left = |insertion: &&Made<_>| {
            history.iter().all(|removal| {
                is_insertion(&removal.op) || !of_same(removal, insertion) || !removal.saw(insertion)
            })
        };
        let insertions = history.iter().filter(|made| is_insertion(&made.op));
        insertions.filter(left).map(|made| element(&made.op).clone()).collect()
    });
}

#[test]
fn a_set_where_removals_win_holds_what_was_put_in_after_every_removal() {
    holds_with::<BTreeSet<Caseless>, RemoveWinsSet>(
        set_op,
        |_| false,
        |history| {
            let answered = |removal: &Made<_>| {
                let after = |made: &&Made<_>| is_insertion(&made.op) && made.saw(removal);
                history.iter().filter(|made| of_same(made, removal)).any(|made| after(&made))
            };
            let holds = |insertion: &&Made<_>| {
                let removals = history.iter().filter(|made| !is_insertion(&made.op));
                removals.filter(|made| of_same(made, insertion)).all(answered)
            };
            let insertions = history.iter().filter(|made| is_insertion(&made.op));
            insertions.filter(holds).map(|made| element(&made.op).clone()).collect()
        },
        |history| {
            let elements: BTreeSet<_> = history.iter().map(|made| element(&made.op)).collect();
            let of_each = elements.into_iter().filter_map(|it| {
                let answered = |made: &Made<_>| {
                    history.iter().any(|later| {
                        of_same(later, made)
                            && is_insertion(&later.op) != is_insertion(&made.op)
                            && later.saw(made)
                    })
                };
                let left = history.iter().filter(|made| element(&made.op) == it && !answered(made));
                let (insertions, removals): (Vec<_>, Vec<_>) =
                    left.partition(|made| is_insertion(&made.op));
                let removals = last_of_each(removals).into_iter();
                let removal = removals.max_by_key(|made| made.order())?;
                let lost: BTreeSet<_> =
                    last_of_each(insertions).iter().map(|made| made.at.dot).collect();
                (!lost.is_empty()).then_some((Some(removal.at.dot), lost))
            });
            of_each.collect()
        },
    );
}

#[test]
fn a_grow_set_holds_what_was_ever_put_in() {
    holds::<BTreeSet<Caseless>, GrowSet>(
        |rng| GrowSetOp::Inserted(text(rng)),
        |_| true,
        |history| {
            let inserted = history.iter().map(|Made { op: GrowSetOp::Inserted(value), .. }| value);
            inserted.cloned().collect()
        },
    );
}

fn narrow<F: CounterField + TryFrom<i128> + Bounded>() {
    holds::<F, Counter>(
        |rng| CounterOp::Added(amount(rng, i64::MAX.into(), i64::MIN.into()).try_into().unwrap()),
        |_| true,
        |history| {
            let sum =
                history.iter().map(|Made { op: CounterOp::Added(n), .. }| i128::from(*n)).sum();
            F::try_from(sum).unwrap_or(if sum < 0 { F::LEAST } else { F::MOST })
        },
    );
}

fn wide<F: CounterField<i128> + TryFrom<i128> + TryFrom<u128> + Bounded>() {
    holds::<F, WideCounter>(
        |rng| CounterOp::Added(amount(rng, i128::MAX, i128::MIN)),
        |_| true,
        |history| {
            // Two digits to the base of 2^64.
            let (mut high, mut low) = (0_i128, 0_i128);
            for Made { op: CounterOp::Added(n), .. } in history {
                (high, low) = (high + (n >> 64), low + (n & i128::from(u64::MAX)));
            }
            (high, low) = (high + (low >> 64), low & i128::from(u64::MAX));
            let end = if high < 0 { F::LEAST } else { F::MOST };
            if (i128::from(i64::MIN)..=i128::from(i64::MAX)).contains(&high) {
                F::try_from((high << 64) | low).unwrap_or(end)
            } else if (0..=i128::from(u64::MAX)).contains(&high) {
                let unsigned = (high.cast_unsigned() << 64) | low.cast_unsigned();
                F::try_from(unsigned).unwrap_or(end)
            } else {
                end
            }
        },
    );
}

fn amount(rng: &mut Rng, most: i128, least: i128) -> i128 {
    match rng.below(6) {
        0 => most,
        1 => least,
        _ => i128::try_from(rng.below(500)).unwrap() - 250,
    }
}

trait Bounded {
    const LEAST: Self;
    const MOST: Self;
}

macro_rules! bounded {
    ($($type:ident),*) => {$(
        impl Bounded for $type {
            const LEAST: Self = Self::MIN;
            const MOST: Self = Self::MAX;
        }
    )*};
}
bounded!(i8, u64, i128, u128);

fn set_op(rng: &mut Rng) -> SetOp<Caseless> {
    let element = text(rng);
    if rng.below(2) == 0 { SetOp::Inserted(element) } else { SetOp::Removed(element) }
}

const fn is_insertion(op: &SetOp<Caseless>) -> bool {
    matches!(op, SetOp::Inserted(_))
}

const fn element(op: &SetOp<Caseless>) -> &Caseless {
    match op {
        SetOp::Inserted(element) | SetOp::Removed(element) => element,
    }
}

fn of_same(one: &Made<SetOp<Caseless>>, other: &Made<SetOp<Caseless>>) -> bool {
    element(&one.op) == element(&other.op)
}

/// The conflict of the writes that do not hold with the one that does, unless they wrote the same.
fn lost<O, V: PartialEq>(
    winner: Option<Made<O>>,
    writes: Vec<&Made<O>>,
    value: impl Fn(&O) -> V,
) -> Vec<Open> {
    let Some(winner) = winner else { return Vec::new() };
    let others = writes.into_iter().filter(|write| value(&write.op) != value(&winner.op));
    let lost: BTreeSet<_> = others.map(|write| write.at.dot).collect();
    if lost.is_empty() { Vec::new() } else { vec![(Some(winner.at.dot), lost)] }
}

/// The last operation of each author on each form of an element.
fn last_of_each<'a>(made: Vec<&'a Made<SetOp<Caseless>>>) -> Vec<&'a Made<SetOp<Caseless>>> {
    let follows = |made: &Made<SetOp<Caseless>>, other: &Made<SetOp<Caseless>>| {
        let same = element(&made.op).0 == element(&other.op).0;
        same && made.at.dot.replica == other.at.dot.replica && made.at.dot.seq > other.at.dot.seq
    };
    let is_last = |one: &&&'a Made<_>| !made.iter().any(|other| follows(other, one));
    made.iter().filter(is_last).copied().collect()
}

/// The operations that no other one's author had seen.
pub(super) fn unseen<O>(history: &[Made<O>]) -> Vec<&Made<O>> {
    let unseen = |made: &&Made<O>| !history.iter().any(|later| later.saw(made));
    history.iter().filter(unseen).collect()
}
