//! `#[merge(counter)]`: additions add up.
//!
//! A field's counter is one sum. In the entry of a map, which a removal resets, it is a sum for each
//! author: a removal carries the sums that its author had seen, so every replica takes away the
//! same amount, whatever it has folded besides. Two concurrent removals that carry the same sums
//! take them away once.

use std::collections::BTreeMap;

use crate::conflict::Conflicts;
use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{read_dot, write_dot};
use crate::merge::{At, EntryRule, Handle, Law, MapSeen, MergeState, OpId, Rule, SeenPart};
use crate::vector::VECTOR_REPLICAS_MAX;
use crate::wire::{self, Reader, Scalar, Shape, Value, WireError, WireType, Writer};

/// Additions add up.
#[derive(Debug)]
#[non_exhaustive]
pub enum Counter {}

/// An operation on a `counter` field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum CounterOp {
    /// Adds the amount.
    Added(i64),
}

/// Types that `#[merge(counter)]` merges: `i64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `counter`",
    label = "a counter is an `i64`",
    note = "write `i64`; additions may be negative, so an unsigned counter could not show every state"
)]
pub trait CounterField: wire::Field + Copy {
    /// The total as the field shows it.
    fn from_total(total: i128) -> Self;

    /// The field as an addition to nothing.
    fn to_addition(self) -> i64;
}

#[diagnostic::do_not_recommend]
impl CounterField for i64 {
    fn from_total(total: i128) -> Self {
        Self::try_from(total).unwrap_or(if total < 0 { Self::MIN } else { Self::MAX })
    }

    fn to_addition(self) -> i64 {
        self
    }
}

/// The sum of all additions, each counted once. Kept in 128 bits, which no number of additions can
/// exceed, so the sum does not depend on their order; a field shows it clamped to `i64`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CounterState {
    total: i128,
    /// In an entry: each author's additions, and how much of them was removed.
    authors: BTreeMap<ReplicaId, Part>,
}

/// The additions of one author to an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Part {
    /// The last event that added.
    last: u64,
    /// The sum of all additions up to it.
    sum: i128,
    /// The removed event that reaches furthest, and the sum up to it.
    removed: (u64, i128),
}

/// The sums that the author of a removal had seen: for each adding author, the event up to which,
/// and the sum up to it. Written as bytes: 32 of the author, a varint, 16 of the sum, and so on,
/// ascending by author.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CounterSeen {
    sums: BTreeMap<ReplicaId, (u64, i128)>,
}

impl SeenPart for CounterSeen {
    type OfMap = MapSeen<Self>;

    fn of_map(entries: impl Iterator<Item = (Vec<u8>, Self)>) -> MapSeen<Self> {
        MapSeen::of(entries)
    }

    fn of_entry(map: &MapSeen<Self>, key: &[u8]) -> Self {
        map.part(key)
    }
}

impl CounterState {
    fn add(&mut self, amount: i64, at: &At<'_>) {
        // 2^64 additions of 2^63 reach 2^127; a space cannot hold as many events.
        if at.is_in_entry() {
            let Dot { replica, seq } = at.id().dot;
            let part = self.authors.entry(replica).or_default();
            *part = Part { last: seq, sum: part.sum.saturating_add(amount.into()), ..*part };
        } else {
            self.total = self.total.saturating_add(amount.into());
        }
    }

    fn total(&self) -> i128 {
        let left = self.authors.values().map(|part| part.sum.saturating_sub(part.removed.1));
        left.fold(self.total, i128::saturating_add)
    }

    fn seen(&self) -> CounterSeen {
        let unremoved = self.authors.iter().filter(|(_, part)| part.removed.0 < part.last);
        CounterSeen {
            sums: unremoved.map(|(author, part)| (*author, (part.last, part.sum))).collect(),
        }
    }

    fn reset(&mut self, seen: &CounterSeen, at: &At<'_>) {
        let own = at.id().dot;
        for (replica, part) in &mut self.authors {
            // Its own additions before it are exactly those that are folded by now.
            let removed = match seen.sums.get(replica) {
                _ if *replica == own.replica => (own.seq, part.sum),
                Some((seq, sum)) if has_seen(at, *replica, *seq) => (*seq, *sum),
                _ => continue,
            };
            part.removed = part.removed.max(removed);
        }
    }
}

fn has_seen(at: &At<'_>, replica: ReplicaId, seq: u64) -> bool {
    at.saw(OpId { dot: Dot { replica, seq }, index: 0 })
}

impl<F: CounterField> Rule<F> for Counter {
    const LAW: Law = Law::new("counter");
    const SHAPE: Shape = F::SHAPE;
    type Op = CounterOp;
    type State = CounterState;

    fn fold(
        state: &mut CounterState,
        CounterOp::Added(amount): CounterOp,
        at: &At<'_>,
        _: &mut Conflicts<'_>,
    ) {
        state.add(amount, at);
    }

    fn value(state: &CounterState) -> F {
        F::from_total(state.total())
    }

    fn create(value: &F, record: &mut dyn FnMut(CounterOp)) {
        match value.to_addition() {
            0 => {}
            amount => record(CounterOp::Added(amount)),
        }
    }
}

impl<F: CounterField> EntryRule<F> for Counter {
    type Seen = CounterSeen;

    fn seen(state: &CounterState) -> CounterSeen {
        state.seen()
    }

    fn reset(state: &mut CounterState, seen: &CounterSeen, at: &At<'_>) {
        state.reset(seen, at);
    }

    fn affirms(_: &CounterOp) -> bool {
        true
    }
}

impl<F, M> Handle<'_, F, Counter, M> {
    /// Adds to the counter; a negative amount takes away.
    pub fn add(&self, amount: i64) {
        self.push(CounterOp::Added(amount));
    }
}

impl MergeState for CounterState {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if *self == Self::default() {
            return;
        }
        out.tag(number, WireType::Len);
        out.enclosed(|out| {
            let total = (self.total != 0).then(|| self.total.to_le_bytes());
            wire::Field::write_field(&total, 1, out);
            for (replica, part) in &self.authors {
                out.tag(2, WireType::Len);
                out.enclosed(|out| {
                    write_dot(1, Dot { replica: *replica, seq: part.last }, out);
                    wire::Field::write_field(&part.sum.to_le_bytes(), 3, out);
                    wire::Field::write_field(&part.removed.0, 4, out);
                    wire::Field::write_field(&part.removed.1.to_le_bytes(), 5, out);
                });
            }
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        let state = input.enclosed(|input| {
            let total: Option<[u8; 16]> = wire::Field::read_field(1, input)?;
            if total == Some([0; 16]) {
                return Err(WireError::Invalid { expected: "total other than 0" });
            }
            let total = total.map_or(0, i128::from_le_bytes);
            Ok(Self { total, authors: read_parts(2, input)? })
        })?;
        if state == Self::default() {
            return Err(WireError::EmptyCollection { number });
        }
        Ok(state)
    }
}

fn read_parts(number: u32, input: &mut Reader<'_>) -> Result<BTreeMap<ReplicaId, Part>, WireError> {
    let mut authors = BTreeMap::new();
    let mut present = input.take(number, WireType::Len)?;
    while present {
        let (replica, part) = input.enclosed(|input| {
            let dot = read_dot(1, input)?;
            let sum = i128::from_le_bytes(wire::Field::read_field(3, input)?);
            let through = wire::Field::read_field(4, input)?;
            let removed = i128::from_le_bytes(wire::Field::read_field(5, input)?);
            Ok((dot.replica, Part { last: dot.seq, sum, removed: (through, removed) }))
        })?;
        if part.last == 0 || authors.last_key_value().is_some_and(|(last, _)| *last >= replica) {
            return Err(WireError::Unsorted { number });
        }
        authors.insert(replica, part);
        present = input.take_again(WireType::Len)?;
    }
    Ok(authors)
}

impl Value for CounterSeen {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bytes);

    fn write(&self, out: &mut Writer) {
        out.enclosed(|out| {
            for (replica, (seq, sum)) in &self.sums {
                out.raw(replica.as_bytes());
                out.varint(*seq);
                out.raw(&sum.to_le_bytes());
            }
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut packed = Reader::new(input.bytes()?, wire::Unknown::Refuse);
        let mut sums = BTreeMap::new();
        while !packed.is_empty() {
            let replica = ReplicaId::from_bytes(packed.array()?);
            let sum = (packed.varint()?, i128::from_le_bytes(packed.array()?));
            if sums.last_key_value().is_some_and(|(last, _)| *last >= replica)
                || sums.len() == VECTOR_REPLICAS_MAX
            {
                return Err(WireError::Invalid { expected: "list of sums by author" });
            }
            sums.insert(replica, sum);
        }
        Ok(Self { sums })
    }
}
