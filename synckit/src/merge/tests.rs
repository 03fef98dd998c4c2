//! Promises of the rules, one story each, and that the order of delivery decides nothing.

mod corruption;
mod counter;
mod delivery;
mod extreme;
mod list;
mod lww;
mod map;
mod naive;
mod ordered;
mod set;
mod text;
mod world;

use std::cmp::Ordering;
use std::marker::PhantomData;

use super::*;
use crate::clock::Hlc;
use crate::conflict::{AnyConflict, Conflicts};
use crate::id::{AggregateId, Dot, Key, Name, ReplicaId};
use crate::vector::{Stamp, VectorClock};
use crate::wire::{Reader, Shape, Unknown, Value, WireError, WireType, Writer};

const ANN: u8 = 1;
const BOB: u8 = 2;
const CLEO: u8 = 3;

/// When an event was made: its author, its number, the author's clock, and which events its author
/// had seen.
#[derive(Clone, Debug)]
struct Moment {
    dot: Dot,
    hlc: Hlc,
    context: VectorClock,
}

impl Moment {
    fn stamp(&self) -> Stamp<'_> {
        Stamp { dot: self.dot, hlc: self.hlc, context: &self.context }
    }
}

/// The event `seq` of an author, made at clock reading `hlc` after having seen these.
fn moment(author: u8, seq: u64, hlc: u64, seen: &[(u8, u64)]) -> Moment {
    let mut context = VectorClock::new();
    for (n, seq) in seen {
        context.advance(dot(*n, *seq)).unwrap();
    }
    Moment { dot: dot(author, seq), hlc: Hlc::from_bits(hlc), context }
}

fn dot(author: u8, seq: u64) -> Dot {
    Dot { replica: ReplicaId::from_bytes([author; 32]), seq }
}

fn note() -> AggregateId {
    AggregateId { kind: Name::new("note").unwrap(), key: Key::new(b"shopping").unwrap() }
}

/// A field of type `F`, merged by `R`.
#[derive(Debug)]
struct Merged<F, R: Rule<F>> {
    state: R::State,
    shows: PhantomData<F>,
}

impl<F, R: Rule<F>> Merged<F, R> {
    fn new() -> Self {
        Self { state: R::State::default(), shows: PhantomData }
    }

    fn fold(&mut self, op: R::Op, at: &Moment) -> &mut Self {
        self.fold_at(op, at, 0)
    }

    fn fold_at(&mut self, op: R::Op, at: &Moment, index: u32) -> &mut Self {
        R::fold(&mut self.state, op, &At::new(at.stamp(), index));
        self
    }

    /// The open conflicts.
    fn conflicts(&self) -> Vec<AnyConflict> {
        conflicts::<F, R>(&self.state)
    }

    fn value(&self) -> F {
        R::value(&self.state)
    }

    fn bytes(&self) -> Vec<u8> {
        bytes(&self.state)
    }
}

/// The open conflicts of a field.
fn conflicts<F, R: Rule<F>>(state: &R::State) -> Vec<AnyConflict> {
    let aggregate = note();
    let mut found = Conflicts::new(&aggregate);
    R::conflicts(state, &mut OpenConflicts::of_field("field", &R::LAW, &mut found));
    found.into_open()
}

/// Operations as somebody receives them: each after all that its author had seen.
fn in_some_order<O: Clone>(made: &[(O, Moment)], picks: &[u8]) -> Vec<(O, Moment)> {
    let (mut waiting, mut seen) = (made.to_vec(), VectorClock::new());
    let mut picks = picks.iter().cycle();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |(_, at): &(O, Moment)| {
            seen.get(&at.dot.replica) + 1 == at.dot.seq
                && at.context.iter().all(|dot| seen.contains(dot))
        };
        let ready: Vec<_> = (0..waiting.len()).filter(|place| is_ready(&waiting[*place])).collect();
        let pick = usize::from(*picks.next().unwrap()) % ready.len();
        let (op, at) = waiting.remove(ready[pick]);
        seen.advance(at.dot).unwrap();
        order.push((op, at));
    }
    order
}

/// A state's bytes, as field 1.
fn bytes(state: &impl MergeState) -> Vec<u8> {
    let mut out = Writer::new();
    state.write_field(1, &mut out);
    out.finish().unwrap()
}

/// The state that these bytes, as field 1, stand for.
fn restored<S: MergeState>(bytes: &[u8]) -> Result<S, WireError> {
    let mut input = Reader::new(bytes, Unknown::Refuse);
    let state = S::read_field(1, &mut input)?;
    input.finish()?;
    Ok(state)
}

/// Text that is compared without regard to case: equal values of this type may differ in their
/// bytes.
#[derive(Clone, Debug, Default)]
struct Caseless(String);

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Caseless {}

impl PartialOrd for Caseless {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Caseless {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.to_lowercase().cmp(&other.0.to_lowercase())
    }
}

impl Value for Caseless {
    const WIRE: WireType = String::WIRE;
    const SHAPE: Shape = String::SHAPE;

    fn write(&self, out: &mut Writer) {
        self.0.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        String::read(input).map(Self)
    }
}
