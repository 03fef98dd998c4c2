//! `#[merge(counter)]`: additions add up.
//!
//! The state is the exact sum, wider than any field; the field shows it, or the end of its type's
//! range when it is beyond that. So an overflow is a matter of showing and never of merging.
//!
//! A field's counter is one sum. In the entry of a map, which a removal resets, it is a sum for each
//! author: a removal carries the sums that its author had seen, so every replica takes away the
//! same amount, whatever it has folded besides. Two concurrent removals that carry the same sums
//! take them away once.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{read_dot, write_dot};
use crate::merge::sum::Sum;
use crate::merge::{At, EntryRule, Handle, Law, MergeState, OpId, Rule, Undoing};
use crate::vector::VECTOR_REPLICAS_MAX;
use crate::wire::{self, Reader, Scalar, Shape, Value, WireError, WireType, Writer};

/// Additions of amounts of type `A` add up.
#[derive(Debug)]
pub struct CounterOf<A>(PhantomData<fn() -> A>);

/// Additions add up: the rule for integers of up to 64 bits.
pub type Counter = CounterOf<i64>;

/// Additions add up: the rule for integers of 128 bits.
pub type WideCounter = CounterOf<i128>;

/// An operation on a `counter` field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum CounterOp<A = i64> {
    /// Adds the amount.
    Added(A),
}

/// Types that `#[merge(counter)]` merges: integers of fixed width.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `counter`",
    label = "a counter is an integer of fixed width",
    note = "write an integer from `i8`/`u8` to `i64`/`u64`, or spell `i128` or `u128` out"
)]
pub trait CounterField<A = i64>: wire::Field + Copy {
    /// The sum as the field shows it: itself, or the end of the type's range that is nearest to it.
    /// The arguments are the integers nearest to the sum.
    fn nearest(signed: i128, unsigned: u128) -> Self;

    /// The field as additions to nothing.
    fn additions(self) -> impl Iterator<Item = A>;
}

/// An amount that a counter adds: `i64` or `i128`.
pub trait Amount: Copy + Debug + PartialEq + Into<i128> + Send + Sync + 'static {
    /// The amount that takes this one back, if there is one.
    fn negated(self) -> Option<Self>;
}

impl Amount for i64 {
    fn negated(self) -> Option<Self> {
        self.checked_neg()
    }
}

impl Amount for i128 {
    fn negated(self) -> Option<Self> {
        self.checked_neg()
    }
}

macro_rules! counter_field {
    ($($type:ident of $amount:ident),*) => {$(
        #[diagnostic::do_not_recommend]
        impl CounterField<$amount> for $type {
            fn nearest(signed: i128, unsigned: u128) -> Self {
                if signed < 0 {
                    Self::try_from(signed).unwrap_or(Self::MIN)
                } else {
                    Self::try_from(unsigned).unwrap_or(Self::MAX)
                }
            }

            fn additions(self) -> impl Iterator<Item = $amount> {
                // The unsigned integer of the same width takes up to three.
                let mut rest = Some(self);
                std::iter::from_fn(move || {
                    let left = rest.take().filter(|left| *left != 0)?;
                    match $amount::try_from(left) {
                        Ok(amount) => Some(amount),
                        Err(_) => {
                            let most = Self::MAX / 2;
                            rest = Some(left - most);
                            $amount::try_from(most).ok()
                        }
                    }
                })
            }
        }
    )*};
}
counter_field!(
    i8 of i64, i16 of i64, i32 of i64, i64 of i64, u8 of i64, u16 of i64, u32 of i64, u64 of i64,
    i128 of i128, u128 of i128
);

/// The exact sum of all additions, each counted once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CounterState {
    total: Sum,
    /// In an entry: each author's additions, and how much of them was removed.
    authors: BTreeMap<ReplicaId, Part>,
}

/// The additions of one author to an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Part {
    /// The last event that added.
    last: u64,
    /// The sum of all additions up to it.
    sum: Sum,
    /// The removed event that reaches furthest, and the sum up to it.
    removed: (u64, Sum),
}

/// The sums that the author of a removal had seen: for each adding author, the event up to which,
/// and the sum up to it. Written as bytes: 32 of the author, a varint, the sum with its length, and
/// so on, ascending by author.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CounterSeen {
    sums: BTreeMap<ReplicaId, (u64, Sum)>,
}

impl CounterState {
    fn add(&mut self, amount: i128, at: &At<'_>) {
        let amount = Sum::of(amount);
        if at.is_in_entry() {
            let Dot { replica, seq } = at.id().dot;
            let part = self.authors.entry(replica).or_default();
            *part = Part { last: seq, sum: part.sum.plus(amount), ..*part };
        } else {
            self.total = self.total.plus(amount);
        }
    }

    fn total(&self) -> Sum {
        let left = self.authors.values().map(|part| part.sum.minus(part.removed.1));
        left.fold(self.total, Sum::plus)
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

impl<F: CounterField<A>, A: Amount> Rule<F> for CounterOf<A> {
    const LAW: Law = Law::new("counter");
    const SHAPE: Shape = F::SHAPE;
    type Op = CounterOp<A>;
    type State = CounterState;

    fn fold(state: &mut CounterState, CounterOp::Added(amount): CounterOp<A>, at: &At<'_>) {
        state.add(amount.into(), at);
    }

    fn value(state: &CounterState) -> F {
        let total = state.total();
        F::nearest(total.to_i128(), total.to_u128())
    }

    fn create(value: &F, record: &mut dyn FnMut(CounterOp<A>)) {
        value.additions().for_each(|amount| record(CounterOp::Added(amount)));
    }

    fn commutes(_: &CounterOp<A>) -> bool {
        true
    }

    fn depends(_: &CounterState, _: &CounterOp<A>) -> Option<Vec<Dot>> {
        Some(Vec::new())
    }

    fn undo(
        CounterOp::Added(amount): &CounterOp<A>,
        _: &Undoing,
        _: &CounterState,
        _: &CounterState,
    ) -> Option<Vec<CounterOp<A>>> {
        Some(vec![CounterOp::Added(amount.negated()?)])
    }
}

impl<F: CounterField<A>, A: Amount> EntryRule<F> for CounterOf<A> {
    type Seen = CounterSeen;

    fn seen(state: &CounterState) -> CounterSeen {
        state.seen()
    }

    fn reset(state: &mut CounterState, seen: &CounterSeen, at: &At<'_>) {
        state.reset(seen, at);
    }

    fn reset_depends(state: &CounterState) -> Option<Vec<Dot>> {
        let unremoved = state.authors.iter().filter(|(_, part)| part.removed.0 < part.last);
        Some(unremoved.map(|(replica, part)| Dot { replica: *replica, seq: part.last }).collect())
    }

    fn affirms(_: &CounterOp<A>) -> bool {
        true
    }
}

impl<F, A: Amount, M> Handle<'_, F, CounterOf<A>, M> {
    /// Adds to the counter; a negative amount takes away.
    pub fn add(&self, amount: A) {
        self.put(CounterOp::Added(amount));
    }
}

impl MergeState for CounterState {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if *self == Self::default() {
            return;
        }
        out.tag(number, WireType::Len);
        out.enclosed(|out| {
            let total = (self.total != Sum::ZERO).then_some(self.total);
            wire::Field::write_field(&total, 1, out);
            for (replica, part) in &self.authors {
                out.tag(2, WireType::Len);
                out.enclosed(|out| {
                    write_dot(1, Dot { replica: *replica, seq: part.last }, out);
                    wire::Field::write_field(&part.sum, 3, out);
                    wire::Field::write_field(&part.removed.0, 4, out);
                    wire::Field::write_field(&part.removed.1, 5, out);
                });
            }
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        let state = input.enclosed(|input| {
            let total: Option<Sum> = wire::Field::read_field(1, input)?;
            if total == Some(Sum::ZERO) {
                return Err(WireError::Invalid { expected: "total other than 0" });
            }
            let total = total.unwrap_or_default();
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
            let sum = wire::Field::read_field(3, input)?;
            let through = wire::Field::read_field(4, input)?;
            let removed = wire::Field::read_field(5, input)?;
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
                sum.write(out);
            }
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut packed = Reader::new(input.bytes()?, wire::Unknown::Refuse);
        let mut sums = BTreeMap::new();
        while !packed.is_empty() {
            let replica = ReplicaId::from_bytes(packed.array()?);
            let sum = (packed.varint()?, Sum::read(&mut packed)?);
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
