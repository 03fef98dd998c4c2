//! The reading side of a replica's core: durable states, and counts.

use super::ReplicaCore;
use super::states::Tally;
use crate::conflict::AnyConflict;
use crate::event::DecodeError;
use crate::id::{AggregateId, Key, Name, Position, ReplicaId};
use crate::registry::State;
use crate::ruling::Rulings;

impl ReplicaCore {
    /// The position of the log that the states reflect.
    pub(crate) const fn folded(&self) -> Position {
        self.states.folded()
    }

    /// The position up to which the log is being replayed, if it is: until then the states show
    /// less than they did.
    pub(crate) fn replays(&self) -> Option<Position> {
        (self.states.folded() < self.shown).then_some(self.shown)
    }

    /// The durable state of an aggregate, if it is in memory.
    pub(crate) fn state(&self, aggregate: &AggregateId) -> Option<&dyn State> {
        self.states.get(aggregate)
    }

    /// True when states that are not in memory may be in the store.
    pub(crate) const fn reads_store(&self) -> bool {
        self.states.reads_store()
    }

    /// Puts a state into memory that was read from the store, in so many bytes, when
    /// [`ReplicaCore::evictions`] was this.
    pub(crate) fn remember(
        &mut self,
        aggregate: AggregateId,
        state: Box<dyn State>,
        encoded: usize,
        evictions: u64,
    ) {
        self.states.remember(aggregate, state, encoded, evictions);
        self.evict();
    }

    /// Counts how often states left memory: what was read from the store beside them is read again
    /// when this has changed.
    pub(crate) const fn evictions(&self) -> u64 {
        self.states.evictions()
    }

    /// The states in memory of a type's aggregates after a key.
    pub(crate) fn listed<'a>(
        &'a self,
        kind: &Name,
        after: Option<&Key>,
    ) -> impl Iterator<Item = (&'a AggregateId, &'a dyn State)> {
        self.states.listed(kind, after)
    }

    /// The open conflicts of the states in memory after an aggregate, aggregate by aggregate; of those
    /// of a type, if one is named.
    pub(crate) fn conflicts<'a>(
        &'a self,
        kind: Option<&Name>,
        after: Option<&AggregateId>,
    ) -> impl Iterator<Item = (&'a AggregateId, Vec<AnyConflict>)> {
        self.states.conflicts(kind, after)
    }

    /// Events parked after a position that the store does not name, ascending, at most `limit`, and if
    /// it names others.
    pub(crate) fn parked(&self, after: Position, limit: usize) -> (Vec<Position>, bool) {
        self.states.parked(after, limit)
    }

    /// The reason of an event's parking, when the application's code panicked on it.
    pub(crate) fn panicked(&self, position: Position) -> Option<&DecodeError> {
        self.states.panicked(position)
    }

    /// The rulings of hubs, as far as the log is folded.
    pub(crate) const fn rulings(&self) -> &Rulings {
        &self.rulings
    }

    /// The number of identities past forks known.
    pub(crate) const fn forks(&self) -> u32 {
        self.forks
    }

    /// The id that edits are made under.
    pub(crate) fn author(&self) -> ReplicaId {
        self.edits.author()
    }

    /// Counts of what folding met.
    pub(crate) const fn tally(&self) -> Tally {
        self.states.tally()
    }
}
