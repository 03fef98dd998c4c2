//! `#[merge(map(rule))]`: a map whose entries are merged by a rule of their own.
//!
//! An entry exists while some operation on it is left that no removal's author had seen. A removal
//! resets the entry as far as its author had seen it; concurrent edits of the entry survive, and
//! nothing else does: who edits a removed entry begins afresh.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use crate::id::{Dot, ReplicaId};
use crate::merge::elements::{AuthorIds, Elements};
use crate::merge::{
    AnyState, At, EntryRule, Given, Handle, Law, MergeState, OpenConflicts, Reads, RestsOn, Root,
    Rule, SeenPart, Undoing,
};
use crate::wire::{Reader, Shape, Value, WireError, Writer};

/// Entries are merged by the rule `R`; a removal resets what its author had seen.
#[derive(Debug)]
pub struct Map<R>(PhantomData<fn() -> R>);

/// An operation on a `map` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum MapOp<K, O, S = ()> {
    /// Changes an entry.
    Entry {
        /// The entry's key.
        key: K,
        /// The operation on the entry.
        op: O,
    },
    /// Takes an entry out, as far as the author had seen it.
    Removed {
        /// The entry's key.
        key: K,
        /// The part of the entry that the author had seen.
        seen: S,
    },
}

/// Types that `#[merge(map(…))]` merges: `BTreeMap<K, V>` with values as keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `map`",
    label = "needs to be a `BTreeMap<K, V>` with ordered values as keys",
    note = "write `BTreeMap<K, V>`; derive SyncValue and Ord for the keys"
)]
pub trait MapField: 'static {
    /// The keys.
    type Key: Value + Ord;
    /// The entries' type, which the inner rule merges: it need not be a field of events.
    type Value: 'static;

    /// The field's value.
    fn from_entries(entries: impl Iterator<Item = (Self::Key, Self::Value)>) -> Self;

    /// The entries to make when an aggregate is created with this field.
    fn entries(&self) -> impl Iterator<Item = (&Self::Key, &Self::Value)>;
}

#[diagnostic::do_not_recommend]
impl<K: Value + Ord, V: 'static> MapField for BTreeMap<K, V> {
    type Key = K;
    type Value = V;

    fn from_entries(entries: impl Iterator<Item = (K, V)>) -> Self {
        entries.collect()
    }

    fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.iter()
    }
}

/// The entries, by their key and its canonical bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct MapState<K: Ord, S> {
    entries: Elements<K, Kept<S>>,
}

/// An entry: each author's last operation that no removal has taken, and the rule's state.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kept<S> {
    alive: AuthorIds,
    state: S,
}

impl<S: MergeState> Kept<S> {
    /// The operations that a removal of the entry takes away.
    fn reset_depends<V, R: EntryRule<V, State = S>>(&self) -> Option<Vec<Dot>> {
        Some(self.alive.dots().chain(R::reset_depends(&self.state)?).collect())
    }

    fn is_left(&self) -> bool {
        !self.alive.is_empty() || self.state != S::default()
    }
}

impl<K: Ord, S> Default for MapState<K, S> {
    fn default() -> Self {
        Self { entries: Elements::default() }
    }
}

impl<K: Value + Ord, S: MergeState> MapState<K, S> {
    fn edit(&mut self, key: K, change: impl FnOnce(&mut Kept<S>)) {
        self.entries.change(key, |kept| {
            change(kept);
            kept.is_left()
        });
    }

    /// The state of an entry that exists.
    pub(super) fn entry(&self, key: &K) -> Option<&S> {
        let kept = self.entries.get(key)?;
        (!kept.alive.is_empty()).then_some(&kept.state)
    }

    /// True when an entry exists by operations alone that are taken back.
    fn is_alive_by(&self, key: &K, by: &Undoing) -> bool {
        self.entries.get(key).is_some_and(|kept| kept.alive.dots().all(|dot| by.made(dot)))
    }

    fn existing(&self) -> impl Iterator<Item = (&K, &S)> {
        let existing = self.entries.iter().filter(|(_, kept)| !kept.alive.is_empty());
        existing.map(|(key, kept)| (key, &kept.state))
    }
}

impl<F: MapField, R: EntryRule<F::Value>> Rule<F> for Map<R> {
    const LAW: Law = Law::nested("map", &R::LAW);
    const SHAPE: Shape = Shape::Map(&<F::Key as Value>::SHAPE, &R::SHAPE);
    type Op = MapOp<F::Key, R::Op, R::Seen>;
    type State = MapState<F::Key, R::State>;

    fn fold(state: &mut Self::State, op: Self::Op, at: &At<'_>) {
        match op {
            MapOp::Entry { key, op } => state.edit(key, |kept| {
                if R::affirms(&op) {
                    kept.alive.insert(at);
                }
                R::fold(&mut kept.state, op, &at.entry());
            }),
            MapOp::Removed { key, seen } => state.edit(key, |kept| {
                kept.alive.forget(at);
                R::reset(&mut kept.state, &seen, at);
            }),
        }
    }

    fn value(state: &Self::State) -> F {
        F::from_entries(state.existing().map(|(key, state)| (key.clone(), R::value(state))))
    }

    fn conflicts(state: &Self::State, open: &mut OpenConflicts<'_, '_>) {
        for (key, state) in state.existing() {
            R::conflicts(state, &mut open.entry(key));
        }
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        for (key, value) in value.entries() {
            R::create(value, &mut |op| record(MapOp::Entry { key: key.clone(), op }));
        }
    }

    fn commutes(op: &Self::Op) -> bool {
        matches!(op, MapOp::Entry { op, .. } if R::commutes(op))
    }

    fn depends(state: &Self::State, op: &Self::Op) -> Option<Vec<Dot>> {
        match op {
            MapOp::Entry { key, op } => match state.entries.get(key) {
                Some(kept) => R::depends(&kept.state, op),
                None => Some(Vec::new()),
            },
            MapOp::Removed { key, .. } => match state.entries.get(key) {
                Some(kept) => kept.reset_depends::<F::Value, R>(),
                None => Some(Vec::new()),
            },
        }
    }

    fn rests_on(state: &Self::State) -> RestsOn {
        let mut events = Vec::new();
        for (_, kept) in state.entries.iter() {
            match R::rests_on(&kept.state) {
                RestsOn::Events(of_entry) | RestsOn::Heads(of_entry) => events.extend(of_entry),
                RestsOn::Changes | RestsOn::LastChange => return RestsOn::Changes,
            }
        }
        RestsOn::Events(events)
    }

    fn undo(
        op: &Self::Op,
        by: &Undoing,
        before: &Self::State,
        now: &Self::State,
    ) -> Option<Vec<Self::Op>> {
        let fresh = R::State::default();
        match op {
            MapOp::Entry { key, op } => {
                let Some(entry) = now.entry(key) else { return Some(Vec::new()) };
                if before.entry(key).is_none() && now.is_alive_by(key, by) {
                    let seen = R::seen(entry);
                    return Some(vec![MapOp::Removed { key: key.clone(), seen }]);
                }
                let ops = R::undo(op, by, before.entry(key).unwrap_or(&fresh), entry)?;
                let of_entry = |op| MapOp::Entry { key: key.clone(), op };
                Some(ops.into_iter().map(of_entry).collect())
            }
            MapOp::Removed { key, .. } => {
                let mut ops = Vec::new();
                if let (Some(entry), None) = (before.entry(key), now.entry(key)) {
                    let record = &mut |op| ops.push(MapOp::Entry { key: key.clone(), op });
                    R::create(&R::value(entry), record);
                }
                Some(ops)
            }
        }
    }
}

impl<F: MapField, R: EntryRule<F::Value>> EntryRule<F> for Map<R> {
    type Seen = <R::Seen as SeenPart>::OfMap;

    fn seen(state: &Self::State) -> Self::Seen {
        let parts = state.entries.by_bytes();
        R::Seen::of_map(parts.map(|(key, kept)| (key.clone(), R::seen(&kept.state))))
    }

    fn reset(state: &mut Self::State, seen: &Self::Seen, at: &At<'_>) {
        state.entries.retain(|key, kept| {
            kept.alive.forget(at);
            R::reset(&mut kept.state, &R::Seen::of_entry(seen, key), at);
            kept.is_left()
        });
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        let mut dots = Vec::new();
        for (_, kept) in state.entries.iter() {
            dots.append(&mut kept.reset_depends::<F::Value, R>()?);
        }
        Some(dots)
    }

    fn affirms(op: &Self::Op) -> bool {
        matches!(op, MapOp::Entry { op, .. } if R::affirms(op))
    }
}

impl<K: Value + Ord, V: 'static, R: EntryRule<V>, M> Handle<'_, BTreeMap<K, V>, Map<R>, M> {
    /// The entry of a key, whether it exists or not.
    pub fn entry(&self, key: impl Given<K>) -> Handle<'_, V, R, M> {
        let (root, field) = self.place();
        let entry = EntryRoot::<K, V, R> { root, field, key: key.given(), types: PhantomData };
        Handle::of_entry(entry)
    }
}

impl<K: Value + Ord, V: 'static, R: EntryRule<V>> Handle<'_, BTreeMap<K, V>, Map<R>, Reads> {
    /// The value of an entry, this edit's own changes included; `None` when there is none.
    pub fn get(&self, key: impl Given<K>) -> Option<V> {
        let key = key.given();
        self.inspect(|state| state.entry(&key).map(R::value))
    }

    /// True when there is an entry of that key, this edit's own changes included.
    pub fn contains_key(&self, key: impl Given<K>) -> bool {
        let key = key.given();
        self.inspect(|state| state.entry(&key).is_some())
    }

    /// Takes an entry out, as far as this replica has seen it.
    pub fn remove(&self, key: impl Given<K>) {
        let key = key.given();
        let seen = self.inspect(|state| match state.entry(&key) {
            Some(state) => R::seen(state),
            None => R::seen(&R::State::default()),
        });
        self.put(MapOp::<K, R::Op, R::Seen>::Removed { key, seen });
    }
}

impl<K, V, R> Handle<'_, BTreeMap<K, V>, Map<R>>
where
    K: Value + Ord,
    V: 'static,
    R: EntryRule<V, Seen = ()>,
{
    /// Takes an entry out, as far as the event's author had seen it. A lowering cannot see what a
    /// counter's removal has to carry, so it removes none of a `map(counter)`.
    pub fn remove(&self, key: impl Given<K>) {
        self.put(MapOp::<K, R::Op, ()>::Removed { key: key.given(), seen: () });
    }
}

/// An entry, as the place of a field.
struct EntryRoot<'a, K, V, R> {
    root: &'a dyn Root,
    field: usize,
    key: K,
    types: PhantomData<fn() -> (V, R)>,
}

impl<K: Value + Ord, V: 'static, R: EntryRule<V>> Root for EntryRoot<'_, K, V, R> {
    fn record(&self, _: usize, op: &mut dyn Any) {
        if let Some(op) = op.downcast_mut::<Option<R::Op>>().and_then(Option::take) {
            let op = MapOp::<K, R::Op, R::Seen>::Entry { key: self.key.clone(), op };
            self.root.record(self.field, &mut Some(op));
        }
    }

    fn read(&self, _: usize, look: &mut dyn FnMut(Option<&dyn AnyState>)) {
        self.root.read(self.field, &mut |state| {
            let state = state.and_then(|state| (state as &dyn Any).downcast_ref());
            let entry = state.and_then(|state: &MapState<K, R::State>| state.entry(&self.key));
            look(entry.map(|state| state as &dyn AnyState));
        });
    }

    fn author(&self) -> Option<ReplicaId> {
        self.root.author()
    }

    fn changes(&self) -> usize {
        self.root.changes()
    }

    fn next(&self) -> Option<Dot> {
        self.root.next()
    }
}

impl<K: Value + Ord, S: MergeState> MergeState for MapState<K, S> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        self.entries.write(number, out, |kept, out| {
            kept.alive.write(2, out);
            kept.state.write_field(3, out);
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let entries = Elements::read(number, input, |input| {
            let alive = AuthorIds::read(2, input)?;
            let kept = Kept { alive, state: S::read_field(3, input)? };
            if kept.is_left() { Ok(kept) } else { Err(WireError::Missing { number: 2 }) }
        })?;
        Ok(Self { entries })
    }
}
