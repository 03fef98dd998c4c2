//! States that are the join of all values written, and `#[merge(with = function)]`, whose join is a
//! function of yours.
//!
//! A join is associative, commutative and idempotent, so neither order nor repetition matters:
//! `max` and `min` are the joins of an order. A function that is none makes replicas differ; one that
//! need not be a join is for [`resolve`](crate::merge::ResolveBy).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::marker::PhantomData;

use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{encoded_field, read_id, write_id};
use crate::merge::{At, EntryRule, Given, Handle, Law, MergeState, OpId, Rule};
use crate::wire::{self, Reader, Shape, Value, WireError, WireType, Writer};

/// The join of the values written is what `G` makes of two of them.
#[derive(Debug)]
pub struct JoinBy<G>(PhantomData<fn() -> G>);

/// The function of a `with` field. The macro implements it on a type that it makes.
pub trait Joiner: 'static {
    /// The values that are joined.
    type Value: 'static;
    /// The function's path and the revision that the field states.
    const LAW: Law;

    /// The join of two values, the one with the lesser canonical bytes first.
    fn join(one: Self::Value, other: Self::Value) -> Self::Value;
}

/// An operation on a `with` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum JoinOp<T> {
    /// Joins the value to those written.
    Joined(T),
}

/// Types that `#[merge(with = …)]` merges: fields with a default, which they hold until someone
/// writes them, and `Option` of values, which is `None` until then. The function joins values of type
/// `V`: the field's own, or the `V` of an `Option<V>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `with`",
    label = "needs a canonical encoding and a default",
    note = "derive SyncValue and Default for the type, or write Option<…> out, whose default is None; use BTreeMap for \
            HashMap, BTreeSet for HashSet"
)]
pub trait JoinField<V>: wire::Field {
    /// The field's value when this is the join of the values written.
    fn from_join(joined: Option<V>) -> Self;

    /// The value to write when an aggregate is created with this field; `None` when there is
    /// nothing to write.
    fn to_join(&self) -> Option<V>;
}

macro_rules! whole {
    ($([$($bounds:tt)*] $type:ty),* $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($bounds)*> JoinField<$type> for $type {
            fn from_join(joined: Option<$type>) -> Self {
                joined.unwrap_or_default()
            }

            fn to_join(&self) -> Option<$type> {
                Some(self.clone())
            }
        }
    )*};
}
whole!(
    [T: Value + Default] T,
    [T: Value] Vec<T>,
    [T: Value + Ord] BTreeSet<T>,
    [K: Value + Ord, T: Value] BTreeMap<K, T>,
);

#[diagnostic::do_not_recommend]
impl<T: Value> JoinField<T> for Option<T> {
    fn from_join(joined: Option<T>) -> Self {
        joined
    }

    fn to_join(&self) -> Option<T> {
        self.clone()
    }
}

/// A way of joining two values.
pub(super) trait Join<T> {
    /// The join of the value held and one that is written.
    fn join(held: T, written: T) -> T;
}

/// In the order of their bytes, so that not even a function that prefers one side makes replicas differ.
impl<T: wire::Field, G: Joiner<Value = T>> Join<T> for G {
    fn join(held: T, written: T) -> T {
        let (Ok(of_held), Ok(of_written)) = (encoded_field(&held), encoded_field(&written)) else {
            return held;
        };
        let kept = held.clone();
        let joined =
            if of_held <= of_written { G::join(held, written) } else { G::join(written, held) };
        if encoded_field(&joined).is_ok() { joined } else { kept }
    }
}

/// The join of the values written.
///
/// A field needs the one value. In the entry of a map, which a removal resets, it is for each author
/// the joins of the last one, two, three … of the author's writes, as far as they differ: whoever had seen a
/// write had seen the author's earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinState<T> {
    held: Option<T>,
    /// In an entry: each author's writes, and the join of each with all that follow it.
    authors: BTreeMap<ReplicaId, Vec<(OpId, T)>>,
}

impl<T> Default for JoinState<T> {
    fn default() -> Self {
        Self { held: None, authors: BTreeMap::new() }
    }
}

impl<T: wire::Field> JoinState<T> {
    pub(super) fn write<J: Join<T>>(&mut self, value: T, at: &At<'_>) {
        if at.is_in_entry() {
            let writes = self.authors.entry(at.id().dot.replica).or_default();
            reach_back::<T, J>(writes, &value);
            writes.push((at.id(), value));
        } else {
            self.held = Some(match self.held.take() {
                Some(held) => J::join(held, value),
                None => value,
            });
        }
    }

    /// The join of all that no removal has taken.
    pub(super) fn joined<J: Join<T>>(&self) -> Option<T> {
        self.held.iter().chain(self.of_authors().map(|(_, joined)| joined)).cloned().reduce(J::join)
    }

    /// In an entry: the join of each author's writes, and the first of those that it is made of.
    pub(super) fn of_authors(&self) -> impl Iterator<Item = &(OpId, T)> {
        self.authors.values().filter_map(|writes| writes.first())
    }

    pub(super) fn forget(&mut self, at: &At<'_>) {
        self.authors.retain(|_, writes| {
            writes.retain(|(id, _)| !at.saw(*id));
            !writes.is_empty()
        });
    }

    pub(super) fn dots(&self) -> Vec<Dot> {
        self.authors.values().flatten().map(|(id, _)| id.dot).collect()
    }

    /// Reads a write of an entry, which follows those that were read.
    fn read_write(&mut self, number: u32, input: &mut Reader<'_>) -> Result<(), WireError> {
        let id = read_id(1, input)?;
        let value = T::read_field(4, input)?;
        let author = id.dot.replica;
        let follows = match self.authors.last_key_value() {
            Some((last, writes)) if *last == author => {
                writes.last().is_some_and(|(last, joined)| *last < id && !is_same(joined, &value))
            }
            last => last.is_none_or(|(last, _)| *last < author),
        };
        if !follows {
            return Err(WireError::Unsorted { number });
        }
        self.authors.entry(author).or_default().push((id, value));
        Ok(())
    }
}

/// Joins a value to the writes before it. One that makes no difference beside what follows it goes.
fn reach_back<T: wire::Field, J: Join<T>>(writes: &mut Vec<(OpId, T)>, value: &T) {
    let mut following = value.clone();
    for place in (0..writes.len()).rev() {
        let joined = J::join(writes[place].1.clone(), value.clone());
        if is_same(&joined, &following) {
            writes.remove(place);
        } else if is_same(&joined, &writes[place].1) {
            break;
        } else {
            writes[place].1 = joined.clone();
            following = joined;
        }
    }
}

fn is_same<T: wire::Field>(one: &T, other: &T) -> bool {
    encoded_field(one).ok() == encoded_field(other).ok()
}

impl<T: wire::Field> MergeState for JoinState<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if self.held.is_none() && self.authors.is_empty() {
            return;
        }
        out.tag(number, WireType::Len);
        out.enclosed(|out| {
            for (id, value) in self.authors.values().flatten() {
                out.tag(1, WireType::Len);
                out.enclosed(|out| {
                    write_id(1, *id, out);
                    value.write_field(4, out);
                });
            }
            if let Some(held) = &self.held {
                held.write_field(2, out);
            }
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::default();
        if !input.take(number, WireType::Len)? {
            return Ok(state);
        }
        input.enclosed(|input| {
            let mut present = input.take(1, WireType::Len)?;
            while present {
                input.enclosed(|input| state.read_write(1, input))?;
                present = input.take_again(WireType::Len)?;
            }
            if state.authors.is_empty() {
                state.held = Some(T::read_field(2, input)?);
            }
            Ok(())
        })?;
        Ok(state)
    }
}

impl<F, T, G> Rule<F> for JoinBy<G>
where
    F: JoinField<T>,
    T: wire::Field,
    G: Joiner<Value = T>,
{
    const LAW: Law = G::LAW;
    const SHAPE: Shape = F::SHAPE;
    type Op = JoinOp<T>;
    type State = JoinState<T>;

    fn fold(state: &mut JoinState<T>, JoinOp::Joined(value): JoinOp<T>, at: &At<'_>) {
        state.write::<G>(value, at);
    }

    fn value(state: &JoinState<T>) -> F {
        F::from_join(state.joined::<G>())
    }

    fn create(value: &F, record: &mut dyn FnMut(JoinOp<T>)) {
        if let Some(value) = value.to_join() {
            record(JoinOp::Joined(value));
        }
    }

    fn commutes(_: &JoinOp<T>) -> bool {
        true
    }

    fn depends(_: &JoinState<T>, _: &JoinOp<T>) -> Option<Vec<Dot>> {
        Some(Vec::new())
    }
}

impl<F, T, G> EntryRule<F> for JoinBy<G>
where
    F: JoinField<T>,
    T: wire::Field,
    G: Joiner<Value = T>,
{
    type Seen = ();

    fn seen(_: &JoinState<T>) {}

    fn reset(state: &mut JoinState<T>, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &JoinState<T>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn affirms(_: &JoinOp<T>) -> bool {
        true
    }
}

impl<F, G: Joiner, M> Handle<'_, F, JoinBy<G>, M> {
    /// Joins a value to those written.
    pub fn join(&self, value: impl Given<G::Value>) {
        self.put(JoinOp::Joined(value.given()));
    }
}
