//! Aggregates: what `#[sync_aggregate]` makes of a plain struct.
//!
//! The user's struct stays as it is. Around it stand a typed event enum, a mergeable state that
//! folds those events, and the handle through which an edit records them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::conflict::Conflicts;
use crate::event::{Recorder, SyncEvent};
use crate::id::{IdError, Key};
use crate::vector::Stamp;
use crate::wire::{FieldSchema, Lineage, Message, Shape};

/// One field of an aggregate and the rule that merges it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldRule {
    /// The field, numbered among the aggregate's.
    pub field: FieldSchema,
    /// The rule's name, as in `#[merge(…)]`.
    pub rule: &'static str,
}

impl FieldRule {
    /// A field and its rule.
    pub const fn new(number: u32, name: &'static str, rule: &'static str, shape: Shape) -> Self {
        Self { field: FieldSchema::new(number, name, shape), rule }
    }
}

/// A domain type that replicas edit and merge. Implemented by `#[sync_aggregate]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    label = "not an aggregate",
    note = "put #[sync_aggregate(name = \"…\")] above the struct and #[merge(…)] on each field"
)]
pub trait Aggregate: Clone + fmt::Debug + Send + Sync + 'static {
    /// The type's name in stored bytes. See [`Name`](crate::id::Name) for what it may hold.
    const NAME: &'static str;
    /// The schema version that this program writes, from 1.
    const VERSION: u32;
    /// The fields and their merge rules, ascending by number.
    const RULES: &'static [FieldRule];
    /// What is known of its published versions.
    const LINEAGE: Lineage;

    /// The typed event enum.
    type Event: SyncEvent;
    /// The mergeable state.
    type State: AggregateState<Event = Self::Event>;
    /// The handles of the fields in an edit.
    type Ops<'a>;

    /// The event that says no more than that the aggregate exists.
    fn created() -> Self::Event;

    /// The handles of the fields, recording into `recorder`.
    fn ops(recorder: &Recorder<Self::Event>) -> Self::Ops<'_>;

    /// Records what turns a fresh aggregate into this value.
    fn create(&self, ops: &mut Self::Ops<'_>);

    /// The value that a state shows.
    fn from_state(state: &Self::State) -> Self;
}

/// The mergeable state behind an aggregate. Implemented by `#[sync_aggregate]`.
pub trait AggregateState:
    Message + Clone + fmt::Debug + Default + PartialEq + Send + Sync + 'static
{
    /// The events it folds.
    type Event;

    /// Folds one event. Total: whatever the event and the order, there is a result.
    fn apply(&mut self, event: &Self::Event, at: &Stamp<'_>, conflicts: &mut Conflicts<'_>);
}

/// What a domain event (one listed in `events(…)`) does to the fields.
///
/// Lowering only writes: it cannot read the state, so the event commutes wherever the fields do.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what `{E}` does to its fields",
    label = "listed in `events(…)`, not lowered",
    note = "implement synckit::Lower<{E}> for {Self}"
)]
pub trait Lower<E: SyncEvent>: Aggregate {
    /// Records the field operations that `event` stands for.
    fn lower(event: &E, ops: &mut Self::Ops<'_>);
}

#[doc(hidden)]
pub fn apply_lowered<A, E>(
    state: &mut A::State,
    event: &E,
    at: &Stamp<'_>,
    conflicts: &mut Conflicts<'_>,
) where
    A: Aggregate + Lower<E>,
    E: SyncEvent,
{
    let recorder = Recorder::new();
    A::lower(event, &mut A::ops(&recorder));
    for lowered in recorder.into_events() {
        state.apply(&lowered, at, conflicts);
    }
}

/// An edit of one aggregate: the handles of its fields, and [`Edit::emit`] for domain events.
///
/// An edit only writes. All of it becomes one commit: every replica applies it whole or not at all.
pub struct Edit<'a, A: Aggregate> {
    recorder: &'a Recorder<A::Event>,
    ops: A::Ops<'a>,
}

impl<'a, A: Aggregate> Edit<'a, A> {
    pub(crate) fn new(recorder: &'a Recorder<A::Event>) -> Self {
        Self { recorder, ops: A::ops(recorder) }
    }

    /// Records a domain event, or a field event made by hand.
    pub fn emit(&mut self, event: impl Into<A::Event>) {
        self.recorder.record(event.into());
    }
}

impl<A: Aggregate> fmt::Debug for Edit<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit").field("recorder", self.recorder).finish_non_exhaustive()
    }
}

impl<'a, A: Aggregate> Deref for Edit<'a, A> {
    type Target = A::Ops<'a>;

    fn deref(&self) -> &A::Ops<'a> {
        &self.ops
    }
}

impl<'a, A: Aggregate> DerefMut for Edit<'a, A> {
    fn deref_mut(&mut self) -> &mut A::Ops<'a> {
        &mut self.ops
    }
}

/// The events of the edit that `change` makes.
pub(crate) fn record<A: Aggregate>(change: impl FnOnce(&mut Edit<'_, A>)) -> Vec<A::Event> {
    let recorder = Recorder::new();
    change(&mut Edit::new(&recorder));
    recorder.into_events()
}

/// The key of an aggregate of type `A`.
pub struct Id<A> {
    key: Key,
    aggregate: PhantomData<fn() -> A>,
}

impl<A> Id<A> {
    /// The aggregate with this key.
    pub const fn new(key: Key) -> Self {
        Self { key, aggregate: PhantomData }
    }

    /// The aggregate that a natural key names, such as an airport's code.
    ///
    /// # Errors
    /// When the key is empty or longer than [`KEY_BYTES_MAX`](crate::id::KEY_BYTES_MAX) bytes.
    pub fn named(key: &str) -> Result<Self, IdError> {
        Key::new(key.as_bytes()).map(Self::new)
    }

    /// The key.
    pub const fn key(&self) -> &Key {
        &self.key
    }
}

impl<A> Clone for Id<A> {
    fn clone(&self) -> Self {
        Self::new(self.key.clone())
    }
}

impl<A> PartialEq for Id<A> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<A> Eq for Id<A> {}

impl<A> PartialOrd for Id<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<A> Ord for Id<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl<A> Hash for Id<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl<A> fmt::Display for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl<A> fmt::Debug for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.key)
    }
}
