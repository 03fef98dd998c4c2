//! Lives against a naive specification: the last life begins with the greatest number that any event
//! carries, an event is of it if its author had seen one that begins it, and nothing else counts.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::aggregate::{Fields, Fold};
use crate::clock::Hlc;
use crate::event::DependsOn;
use crate::id::ReplicaId;
use crate::merge::{
    AnyField, Counter, CounterOp, Fww, FwwOp, GrowSet, GrowSetOp, Lww, LwwOp, Map, MapOp, Max,
    MaxOp, Set, SetOp, field,
};
use crate::vector::{Stamp, VectorClock};
use crate::wire::Unknown;

/// Histories of each outcome.
const HISTORIES: u64 = 10_000;
/// Orders in which each history is delivered.
const DELIVERIES: usize = 3;

const TABLE: &[&dyn AnyField] = &[
    &field::<u8, Lww>(1, "title"),
    &field::<u8, Fww>(2, "opened_by"),
    &field::<i64, Counter>(3, "visits"),
    &field::<u8, Max>(4, "severity"),
    &field::<BTreeSet<u8>, Set>(5, "tags"),
    &field::<BTreeSet<u8>, GrowSet>(6, "seen_by"),
    &field::<Held, Map<Counter>>(7, "held"),
];

type Held = BTreeMap<u8, i64>;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Op {
    Created,
    Deleted,
    Recreated(u64),
    Title(u8),
    OpenedBy(u8),
    Visits(i64),
    Severity(u8),
    Tag(u8),
    Untag(u8),
    SeenBy(u8),
    Held(u8, i64),
}

impl Op {
    fn edit(rng: &mut Rng) -> Self {
        let small = u8::try_from(rng.below(3)).unwrap();
        let amount = i64::from(small) - 1;
        match rng.below(9) {
            0 => Self::Created,
            1 => Self::Title(small),
            2 => Self::OpenedBy(small),
            3 => Self::Visits(amount),
            4 => Self::Severity(small),
            5 => Self::Tag(small),
            6 => Self::Untag(small),
            7 => Self::SeenBy(small),
            _ => Self::Held(small, amount),
        }
    }

    const fn commutes(self) -> bool {
        matches!(
            self,
            Self::Created
                | Self::Visits(_)
                | Self::Severity(_)
                | Self::Tag(_)
                | Self::SeenBy(_)
                | Self::Held(..)
        )
    }

    fn apply(self, fold: &mut Fold<'_>) {
        match self {
            Self::Created => fold.created(None),
            Self::Deleted => fold.deleted(),
            Self::Recreated(life) => fold.created(Some(life)),
            Self::Title(n) => fold.op::<u8, Lww>(0, LwwOp::Set(n)),
            Self::OpenedBy(n) => fold.op::<u8, Fww>(1, FwwOp::Set(n)),
            Self::Visits(n) => fold.op::<i64, Counter>(2, CounterOp::Added(n)),
            Self::Severity(n) => fold.op::<u8, Max>(3, MaxOp::Raised(n)),
            Self::Tag(n) => fold.op::<BTreeSet<u8>, Set>(4, SetOp::Inserted(n)),
            Self::Untag(n) => fold.op::<BTreeSet<u8>, Set>(4, SetOp::Removed(n)),
            Self::SeenBy(n) => fold.op::<BTreeSet<u8>, GrowSet>(5, GrowSetOp::Inserted(n)),
            Self::Held(key, n) => {
                let op = MapOp::Entry { key, op: CounterOp::Added(n) };
                fold.op::<Held, Map<Counter>>(6, op);
            }
        }
    }
}

impl Op {
    /// The events that it depends on where its author sees this.
    fn depends(&self, view: &Fields) -> Vec<Dot> {
        let mut on = Vec::new();
        self.apply(&mut Fold::showing(&mut |field, op| {
            on.extend(view.depends(field, op).unwrap())
        }));
        if *self == Self::Deleted {
            on.extend(view.ended());
        }
        match view.of_life(Some(on)) {
            DependsOn::Events(on) => on,
            on => panic!("{on:?}"),
        }
    }
}

/// An event, and all that its author had seen.
#[derive(Clone, Debug)]
struct Made {
    op: Op,
    dot: Dot,
    hlc: Hlc,
    context: VectorClock,
    seen: BTreeSet<usize>,
}

impl Made {
    fn fold(&self, fields: &mut Fields) {
        let at = Stamp::new(self.dot, self.hlc, &self.context);
        fields.fold_with(&at, None, |fold| self.op.apply(fold));
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Contexts name what events depend on.
    Sound,
    /// Contexts name all that their authors had seen.
    FullContexts,
    /// Contexts name fewer events than their authors had seen.
    ShortContexts,
    /// Authors edit what they have seen deleted, and begin lives of any number.
    Unruly,
}

const KINDS: [Kind; 5] =
    [Kind::Sound, Kind::FullContexts, Kind::ShortContexts, Kind::Unruly, Kind::Sound];

#[test]
fn a_deletion_takes_all_that_is_concurrent_with_it() {
    hold(OnDelete::DeleteWins);
}

#[test]
fn an_edit_that_no_deletion_had_seen_keeps_all_that_was_there() {
    hold(OnDelete::EditWins);
}

fn hold(on_delete: OnDelete) {
    for seed in 0..HISTORIES {
        let rng = &mut Rng(seed);
        let kind = KINDS[rng.below(KINDS.len())];
        let history = history(rng, kind, on_delete);
        let first = delivered(rng, &history, on_delete);
        for _ in 1..DELIVERIES {
            let again = delivered(rng, &history, on_delete);
            assert_eq!(bytes(&again), bytes(&first), "seed {seed}: {history:#?}");
        }
        if kind != Kind::ShortContexts {
            specified(&history, on_delete, &first, seed);
        }
    }
}

/// Holds a state against the specification.
fn specified(history: &[Made], on_delete: OnDelete, state: &Fields, seed: u64) {
    let life_of = |event: &Made| match event.op {
        Op::Recreated(life) => life,
        _ => 0,
    };
    let life = |event: &Made| {
        let before = event.seen.iter().map(|seen| life_of(&history[*seen]));
        before.chain([life_of(event)]).max().unwrap_or(0)
    };
    let last = history.iter().map(life).max().unwrap_or(0);
    let of_last: Vec<_> = (0..history.len()).filter(|at| life(&history[*at]) == last).collect();
    let (deletions, edits): (Vec<_>, Vec<_>) =
        of_last.into_iter().partition(|at| history[*at].op == Op::Deleted);
    let unseen = |edit: &&usize| !deletions.iter().any(|at| history[*at].seen.contains(*edit));
    let is_deleted = !deletions.is_empty()
        && match on_delete {
            OnDelete::DeleteWins => true,
            OnDelete::EditWins => edits.iter().find(unseen).is_none(),
        };
    assert_eq!(state.is_deleted(), is_deleted, "seed {seed}: {history:#?}");

    let mut expected = Fields::new(TABLE, on_delete);
    if !is_deleted || on_delete == OnDelete::EditWins {
        let is_plain = |at: &&usize| !matches!(history[**at].op, Op::Recreated(_));
        edits.iter().filter(is_plain).for_each(|at| history[*at].fold(&mut expected));
    }
    assert_eq!(fields(state), fields(&expected), "seed {seed}: {history:#?}");
}

fn history(rng: &mut Rng, kind: Kind, on_delete: OnDelete) -> Vec<Made> {
    let replicas = 2 + rng.below(5);
    let steps = 3 + rng.below(22);
    let mut made: Vec<Made> = Vec::new();
    let mut logs: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); replicas];
    for _ in 0..steps {
        let author = rng.below(replicas);
        if rng.below(5) < 2 {
            let peer = logs[rng.below(replicas)].clone();
            logs[author].extend(peer);
        }
        let seen = logs[author].clone();
        let mut view = Fields::new(TABLE, on_delete);
        seen.iter().for_each(|event| made[*event].fold(&mut view));
        let next = view.life_number() + 1;
        let op = match rng.below(6) {
            0 if kind == Kind::Unruly => Op::Recreated(rng.below(4) as u64),
            _ if view.is_deleted() && kind != Kind::Unruly => Op::Recreated(next),
            _ if view.is_deleted() && rng.below(2) == 0 => Op::Recreated(next),
            1 => Op::Deleted,
            _ => Op::edit(rng),
        };
        let replica = ReplicaId::from_bytes([u8::try_from(author).unwrap(); 32]);
        let own = |event: &&usize| made[**event].dot.replica == replica;
        let seq = seen.iter().filter(own).count() as u64 + 1;
        let latest = seen.iter().map(|event| made[*event].hlc.to_bits()).max().unwrap_or(0);
        let mut context = VectorClock::new();
        let bare = op.commutes() && view.life_number() == 0;
        let all = seen.iter().map(|event| made[*event].dot);
        let named: Vec<_> = match kind {
            Kind::Sound | Kind::Unruly => op.depends(&view),
            Kind::FullContexts => all.collect(),
            Kind::ShortContexts => all.filter(|_| rng.below(3) > 0).collect(),
        };
        for dot in named.into_iter().filter(|dot| dot.replica != replica && !bare) {
            context.advance(dot).unwrap();
        }
        let hlc = Hlc::from_bits(latest + 1 + rng.below(2) as u64);
        logs[author].insert(made.len());
        made.push(Made { op, dot: Dot { replica, seq }, hlc, context, seen });
    }
    made
}

/// The state after the events in some order that a log admits, stored and read now and then.
fn delivered(rng: &mut Rng, history: &[Made], on_delete: OnDelete) -> Fields {
    let mut folded = BTreeSet::new();
    let mut state = Fields::new(TABLE, on_delete);
    while folded.len() < history.len() {
        let is_next = |event: &usize| {
            let at = Stamp::new(history[*event].dot, Hlc::ZERO, &history[*event].context);
            let waits_for = |before: &usize| before != event && at.saw(history[*before].dot);
            let mut before = (0..history.len()).filter(waits_for);
            !folded.contains(event) && before.all(|before| folded.contains(&before))
        };
        let next: Vec<_> = (0..history.len()).filter(is_next).collect();
        let event = next[rng.below(next.len())];
        folded.insert(event);
        history[event].fold(&mut state);
        if rng.below(4) == 0 {
            state = restored(&bytes(&state), on_delete);
        }
    }
    assert_eq!(restored(&bytes(&state), on_delete), state);
    state
}

fn fields(state: &Fields) -> Vec<u8> {
    let mut out = Writer::new();
    state.write(&mut out);
    out.finish().unwrap()
}

fn bytes(state: &Fields) -> Vec<u8> {
    let mut out = Writer::new();
    state.write(&mut out);
    if let Some(life) = state.life() {
        life.write_field(15, &mut out);
    }
    out.finish().unwrap()
}

fn restored(bytes: &[u8], on_delete: OnDelete) -> Fields {
    let mut input = Reader::new(bytes, Unknown::Refuse);
    let mut state = Fields::new(TABLE, on_delete);
    state.read(&mut input).unwrap();
    state.set_life(Life::read_field(15, &mut input).unwrap());
    input.finish().unwrap();
    state
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
