//! `lww`, `fww`, `flag`, `counter` and the sets.

use super::*;

#[test]
fn lww_shows_the_greatest_of_the_writes_that_no_other_had_seen() {
    holds::<Caseless, Lww>(
        |rng| LwwOp::Set(text(rng)),
        |_| false,
        |history| {
            let last = unseen(history).into_iter().max_by_key(|write| write.order());
            last.map(|Made { op: LwwOp::Set(value), .. }| value.clone()).unwrap_or_default()
        },
    );
}

#[test]
fn fww_shows_the_least_of_the_writes_that_had_seen_no_other() {
    holds::<Caseless, Fww>(
        |rng| FwwOp::Set(text(rng)),
        |_| false,
        |history| {
            let saw_none = |write: &&Made<_>| !history.iter().any(|other| write.saw(other));
            let first = history.iter().filter(saw_none).min_by_key(|write| write.order());
            first.map(|Made { op: FwwOp::Set(value), .. }| value.clone()).unwrap_or_default()
        },
    );
}

#[test]
fn a_flag_is_on_if_a_write_that_no_other_had_seen_turned_it_on() {
    holds::<bool, Flag>(
        |rng| FlagOp::Set(rng.below(2) == 0),
        |_| false,
        |history| unseen(history).iter().any(|write| write.op == FlagOp::Set(true)),
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
    holds::<BTreeSet<Caseless>, RemoveWinsSet>(
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

/// The operations that no other one's author had seen.
fn unseen<O>(history: &[Made<O>]) -> Vec<&Made<O>> {
    let unseen = |made: &&Made<O>| !history.iter().any(|later| later.saw(made));
    history.iter().filter(unseen).collect()
}
