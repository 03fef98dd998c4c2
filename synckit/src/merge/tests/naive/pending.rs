//! `manual`: the last agreed value, told from the whole history.

use super::*;

type Write = ManualOp<u8>;

/// The operations on one field or entry that an author has seen.
#[derive(Clone, Default)]
struct Known<'a> {
    writes: Vec<&'a Made<Write>>,
    removals: Vec<Made<()>>,
}

impl<'a> Known<'a> {
    fn of(history: &'a [Made<Write>]) -> Self {
        Self { writes: history.iter().collect(), removals: Vec::new() }
    }

    fn seen_by(&self, write: &Made<Write>) -> Self {
        let writes = self.writes.iter().filter(|other| write.seen.contains(&other.at.dot));
        let removals = self.removals.iter().filter(|other| write.seen.contains(&other.at.dot));
        Self { writes: writes.copied().collect(), removals: removals.cloned().collect() }
    }

    /// The writes that neither a write nor a removal had seen, the last one first.
    fn heads(&self) -> Vec<&'a Made<Write>> {
        let later = |write: &Made<Write>| {
            self.writes.iter().any(|later| later.saw(write))
                || self.removals.iter().any(|removal| removal.seen.contains(&write.at.dot))
        };
        let mut heads: Vec<_> = self.writes.iter().copied().filter(|write| !later(write)).collect();
        heads.sort_by_key(|write| std::cmp::Reverse(write.order()));
        heads
    }

    /// The write that everybody had before the heads, as far as one can tell.
    fn before_heads(&self) -> Option<&'a Made<Write>> {
        let before: Vec<_> = self.heads().into_iter().map(|head| self.before(head)).collect();
        let surely_saw = |head: &Made<Write>, before: Option<&Made<Write>>, write: &Made<Write>| {
            let reaches = |by: &Made<Write>| {
                by.at.dot.replica == write.at.dot.replica && by.at.dot.seq >= write.at.dot.seq
            };
            reaches(head) || before.is_some_and(reaches)
        };
        let seen = before.iter().flatten().copied().filter(|write| {
            let mut heads = self.heads().into_iter().zip(&before);
            let all = heads.all(|(head, before)| surely_saw(head, *before, write));
            assert!(!all || self.heads().iter().all(|head| head.saw(write)), "saw it indeed");
            all
        });
        match seen.max_by_key(|write| write.order()) {
            Some(write) => Some(write),
            None if before.iter().any(Option::is_none) => None,
            None => before.iter().flatten().copied().min_by_key(|write| write.order()),
        }
    }

    /// The write that was agreed on when this one was made, by another author than its own.
    fn before(&self, write: &Made<Write>) -> Option<&'a Made<Write>> {
        let known = self.seen_by(write);
        match known.heads().as_slice() {
            [own] if own.at.dot.replica == write.at.dot.replica => known.before(own),
            [last, others @ ..] if others.iter().all(|other| value(other) == value(last)) => {
                Some(last)
            }
            _ => known.before_heads(),
        }
    }

    fn shown(&self) -> Pending<u8> {
        let mut candidates = Vec::new();
        for head in self.heads() {
            if !candidates.contains(&value(head)) {
                candidates.push(value(head));
            }
        }
        match candidates.as_slice() {
            [] => Pending::Agreed(0),
            [only] => Pending::Agreed(*only),
            _ => Pending::Open { agreed: self.before_heads().map_or(0, value), candidates },
        }
    }

    fn open(&self) -> Option<Open> {
        let dots = self.heads().iter().map(|write| write.at.dot).collect();
        (!self.shown().candidates().is_empty()).then_some((None, dots))
    }
}

#[test]
fn manual_keeps_the_last_value_that_all_who_wrote_concurrently_had_before() {
    holds_looking::<Pending<u8>, Manual>(
        draw,
        |_| false,
        |state, author, ManualOp::Set { agreed, .. }| *agreed = state.carried_by(Some(author)),
        |history| Known::of(history).shown(),
        |history| Known::of(history).open().into_iter().collect(),
    );
}

#[test]
fn an_entry_keeps_the_last_agreed_value_of_those_who_wrote_concurrently() {
    holds_looking::<BTreeMap<u8, Pending<u8>>, Map<Manual>>(
        |rng| match rng.below(4) {
            0 => MapOp::Removed { key: 1, seen: () },
            _ => MapOp::Entry { key: 1, op: draw(rng) },
        },
        |_| false,
        |state, author, op| {
            if let MapOp::Entry { op: ManualOp::Set { agreed, .. }, .. } = op {
                *agreed = state.entry(&1).and_then(|entry| entry.carried_by(Some(author)));
            }
        },
        |history| {
            let (writes, removals) = of_entry(history);
            let known = Known { writes: writes.iter().collect(), removals };
            let there = !known.heads().is_empty();
            there.then(|| (1, known.shown())).into_iter().collect()
        },
        |history| {
            let (writes, removals) = of_entry(history);
            Known { writes: writes.iter().collect(), removals }.open().into_iter().collect()
        },
    );
}

fn draw(rng: &mut Rng) -> Write {
    ManualOp::Set { value: u8::try_from(rng.below(5)).unwrap(), agreed: None }
}

const fn value(write: &Made<Write>) -> u8 {
    let ManualOp::Set { value, .. } = write.op;
    value
}

fn of_entry(history: &[Made<MapOp<u8, Write>>]) -> (Vec<Made<Write>>, Vec<Made<()>>) {
    let (mut writes, mut removals) = (Vec::new(), Vec::new());
    for Made { op, at, seen } in history.iter().cloned() {
        match op {
            MapOp::Entry { op, .. } => writes.push(Made { op, at, seen }),
            MapOp::Removed { .. } => removals.push(Made { op: (), at, seen }),
        }
    }
    (writes, removals)
}
