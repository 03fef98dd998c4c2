//! Rules held against naive specifications over whole causal histories.
//!
//! A specification is a function of all operations and of who had seen which. It knows no state and
//! no order of arrival. Histories have 2 to 6 replicas, some of which join late, equal clock
//! readings, partial exchanges, contexts that name too few and clocks that run backwards.

mod entries;
mod joins;
mod nested;
mod ordered;
mod pending;
mod sequence;
mod shown;
mod simple;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::*;

/// Histories of each rule.
const HISTORIES: u64 = 10_000;
/// Orders in which each history is delivered.
const DELIVERIES: usize = 3;

/// An operation, and all that its author had seen.
#[derive(Clone, Debug)]
pub(super) struct Made<O> {
    pub(super) op: O,
    pub(super) at: Moment,
    pub(super) seen: BTreeSet<Dot>,
}

impl<O> Made<O> {
    pub(super) fn saw(&self, other: &Self) -> bool {
        self.seen.contains(&other.at.dot)
    }

    pub(super) const fn order(&self) -> (Hlc, Dot) {
        (self.at.hlc, self.at.dot)
    }
}

/// Holds the rule `R` for fields of type `F` against `expected`; nothing is in conflict.
pub(super) fn holds<F, R>(
    draw: impl Fn(&mut Rng) -> R::Op,
    commutes: impl Fn(&R::Op) -> bool,
    expected: impl Fn(&[Made<R::Op>]) -> F,
) where
    F: Debug + PartialEq,
    R: Rule<F>,
{
    holds_with::<F, R>(draw, commutes, expected, |_| Vec::new());
}

/// An open conflict: the event that holds, if one does, and those that lost.
pub(super) type Open = (Option<Dot>, BTreeSet<Dot>);

/// Holds the rule `R` for fields of type `F` against `expected`, and its open conflicts against
/// `open`.
pub(super) fn holds_with<F, R>(
    draw: impl Fn(&mut Rng) -> R::Op,
    commutes: impl Fn(&R::Op) -> bool,
    expected: impl Fn(&[Made<R::Op>]) -> F,
    open: impl Fn(&[Made<R::Op>]) -> Vec<Open>,
) where
    F: Debug + PartialEq,
    R: Rule<F>,
{
    holds_looking::<F, R>(draw, commutes, |_, _, _| (), expected, open);
}

/// The same with operations that carry what their authors saw, as `look` fills in.
pub(super) fn holds_looking<F, R>(
    draw: impl Fn(&mut Rng) -> R::Op,
    commutes: impl Fn(&R::Op) -> bool,
    look: impl Fn(&R::State, ReplicaId, &mut R::Op),
    expected: impl Fn(&[Made<R::Op>]) -> F,
    open: impl Fn(&[Made<R::Op>]) -> Vec<Open>,
) where
    F: Debug + PartialEq,
    R: Rule<F>,
{
    let draw = |rng: &mut Rng, state: &R::State, event: Dot| {
        let mut op = draw(rng);
        look(state, event.replica, &mut op);
        op
    };
    holds_in::<F, R>(draw, commutes, expected, open);
}

/// Holds the rule as [`holds_with`] does; `draw` is given the state that the author sees, and the event
/// that it makes.
pub(super) fn holds_in<F, R>(
    draw: impl Fn(&mut Rng, &R::State, Dot) -> R::Op,
    commutes: impl Fn(&R::Op) -> bool,
    expected: impl Fn(&[Made<R::Op>]) -> F,
    open: impl Fn(&[Made<R::Op>]) -> Vec<Open>,
) where
    F: Debug + PartialEq,
    R: Rule<F>,
{
    for seed in 0..HISTORIES {
        let rng = &mut Rng(seed);
        let kind = Kind::of(seed);
        let history = history::<F, R>(rng, kind, &draw, &commutes);
        let first = delivered::<F, R>(rng, &history);
        for _ in 1..DELIVERIES {
            let again = delivered::<F, R>(rng, &history);
            assert_eq!(bytes(&again), bytes(&first), "seed {seed}: {history:#?}");
            let [here, there] = [&again, &first].map(conflicts::<F, R>);
            assert_eq!(here, there, "seed {seed}: {history:#?}");
        }
        let shown = R::value(&first);
        if kind != Kind::ShortContexts {
            assert_eq!(shown, expected(&history), "seed {seed}: {history:#?}");
            let found = conflicts::<F, R>(&first).into_iter();
            let found = found.map(|conflict| {
                let losers = conflict.losers.iter().map(|write| write.dot).collect();
                (conflict.winner.map(|write| write.dot), losers)
            });
            assert_eq!(found.collect::<Vec<_>>(), open(&history), "seed {seed}: {history:#?}");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Contexts name what operations depend on.
    Sound,
    /// Contexts name all that their authors had seen.
    FullContexts,
    /// Contexts name fewer events than their authors had seen.
    ShortContexts,
    /// Clock readings have nothing to do with causes.
    FaultyClocks,
}

impl Kind {
    const fn of(seed: u64) -> Self {
        match seed % 5 {
            0 => Self::ShortContexts,
            1 => Self::FaultyClocks,
            2 => Self::FullContexts,
            _ => Self::Sound,
        }
    }
}

fn history<F, R: Rule<F>>(
    rng: &mut Rng,
    kind: Kind,
    draw: impl Fn(&mut Rng, &R::State, Dot) -> R::Op,
    commutes: impl Fn(&R::Op) -> bool,
) -> Vec<Made<R::Op>> {
    let replicas = 2 + rng.below(5);
    let steps = 3 + rng.below(18);
    let joins: Vec<_> =
        (0..replicas).map(|place| if place < 2 { 0 } else { rng.below(steps) }).collect();
    let mut made: Vec<Made<R::Op>> = Vec::new();
    let mut logs: Vec<Vec<usize>> = vec![Vec::new(); replicas];
    for step in 0..steps {
        let present: Vec<_> = (0..replicas).filter(|place| joins[*place] <= step).collect();
        let author = present[rng.below(present.len())];
        if rng.below(5) < 2 {
            let peer = &logs[present[rng.below(present.len())]];
            let most = if rng.below(2) == 0 { peer.len() } else { rng.below(peer.len() + 1) };
            let new: Vec<_> = peer[..most]
                .iter()
                .filter(|event| !logs[author].contains(event))
                .copied()
                .collect();
            logs[author].extend(new);
        }
        let replica = ReplicaId::from_bytes([u8::try_from(author).unwrap(); 32]);
        let seen: BTreeSet<_> = logs[author].iter().copied().collect();
        let latest = seen.iter().map(|event| made[*event].at.hlc.to_bits()).max().unwrap_or(0);
        let hlc = match kind {
            Kind::FaultyClocks => rng.below(6) as u64,
            _ => latest + 1 + rng.below(3) as u64 / 2,
        };
        let own = |event: &&usize| made[**event].at.dot.replica == replica;
        let seq = seen.iter().filter(own).count() as u64 + 1;
        let dot = Dot { replica, seq };
        let state = folded::<F, R>(logs[author].iter().map(|event| &made[*event]));
        let op = draw(rng, &state, dot);
        assert_eq!(R::commutes(&op), commutes(&op));
        let seen: BTreeSet<_> = seen.iter().map(|event| made[*event].at.dot).collect();
        let named = match kind {
            Kind::ShortContexts => seen.iter().filter(|_| rng.below(4) > 0).copied().collect(),
            Kind::FullContexts => seen.iter().copied().collect(),
            Kind::Sound | Kind::FaultyClocks => {
                R::depends(&state, &op).unwrap_or_else(|| seen.iter().copied().collect())
            }
        };
        let mut context = VectorClock::new();
        for dot in named.into_iter().filter(|dot| dot.replica != replica && !commutes(&op)) {
            context.advance(dot).unwrap();
        }
        logs[author].push(made.len());
        made.push(Made { op, at: Moment { dot, hlc: Hlc::from_bits(hlc), context }, seen });
    }
    made
}

/// The state after operations.
fn folded<'a, F, R: Rule<F>>(made: impl Iterator<Item = &'a Made<R::Op>>) -> R::State {
    let mut state = R::State::default();
    for Made { op, at, .. } in made {
        R::fold(&mut state, op.clone(), &At::new(at.stamp(), 0));
    }
    state
}

/// The state after the operations in some order that a log admits, stored and read now and then.
fn delivered<F, R: Rule<F>>(rng: &mut Rng, history: &[Made<R::Op>]) -> R::State {
    let mut folded = BTreeSet::new();
    let mut state = R::State::default();
    while folded.len() < history.len() {
        let waits_for = |event: usize, before: usize| {
            before != event && history[event].at.stamp().saw(history[before].at.dot)
        };
        let is_next = |event: &usize| {
            let mut before = (0..history.len()).filter(|before| waits_for(*event, *before));
            !folded.contains(event) && before.all(|before| folded.contains(&before))
        };
        let next: Vec<_> = (0..history.len()).filter(is_next).collect();
        let event = next[rng.below(next.len())];
        folded.insert(event);
        let Made { op, at, .. } = history[event].clone();
        R::fold(&mut state, op, &At::new(at.stamp(), 0));
        if rng.below(4) == 0 {
            state = restored(&bytes(&state)).unwrap();
        }
    }
    assert_eq!(restored::<R::State>(&bytes(&state)), Ok(state.clone()));
    state
}

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
pub(super) struct Rng(u64);

impl From<u64> for Rng {
    fn from(seed: u64) -> Self {
        Self(seed)
    }
}

impl Rng {
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

/// Texts of which some are equal to their type and differ in bytes.
pub(super) fn text(rng: &mut Rng) -> Caseless {
    Caseless(["milk", "Milk", "MILK", "tea"][rng.below(4)].to_owned())
}
