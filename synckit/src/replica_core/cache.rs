//! States in memory: found by aggregate, listed in order, and dropped by second chance.
//!
//! A state keeps its place while it is in memory, so that a block's aggregates are looked up once
//! and its events go by places. Under memory pressure a hand goes round the places and drops the
//! stored states that nobody has used since it last came by (Corbató, "A Paging Experiment with the
//! Multics System", 1968). States whose changes are not stored stay.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::id::{AggregateId, Key, Name, Position};
use crate::registry::State;

/// Bytes that a state takes besides the encoded values in it, roughly.
const STATE_BYTES: usize = 512;
/// Bytes that an encoded byte takes in memory, roughly.
const BYTES_PER_ENCODED: usize = 2;

/// The place of a state while it is in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CacheSlot(usize);

/// Counts of what states hold.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Census {
    /// Open conflicts.
    pub(crate) conflicts: u64,
    /// Deleted aggregates.
    pub(crate) deleted: u64,
    /// Events that this program does not know, or that its code panicked on.
    pub(crate) parked: u64,
}

/// A state in memory.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) aggregate: AggregateId,
    pub(super) state: Box<dyn State>,
    /// The log's position when the state last changed, unless that is stored.
    unsaved: Option<Position>,
    weight: usize,
    census: Census,
    /// True when the store may name it as one with open conflicts.
    named: bool,
    /// Set by use, reset by the hand.
    used: AtomicBool,
}

/// The states in memory.
#[derive(Debug, Default)]
pub(super) struct Cache {
    places: HashMap<AggregateId, CacheSlot>,
    ordered: BTreeMap<AggregateId, CacheSlot>,
    slots: Vec<Option<Cached>>,
    free: Vec<CacheSlot>,
    hand: usize,
    /// The weight of all states, and of those that are not stored.
    bytes: usize,
    unsaved_bytes: usize,
    unsaved: usize,
}

impl Cache {
    pub(super) fn place(&self, aggregate: &AggregateId) -> Option<CacheSlot> {
        self.places.get(aggregate).copied()
    }

    pub(super) fn contains(&self, aggregate: &AggregateId) -> bool {
        self.places.contains_key(aggregate)
    }

    pub(super) fn get(&self, aggregate: &AggregateId) -> Option<&dyn State> {
        let cached = self.at(self.place(aggregate)?)?;
        cached.used.store(true, Ordering::Relaxed);
        Some(cached.state.as_ref())
    }

    pub(super) fn at(&self, place: CacheSlot) -> Option<&Cached> {
        self.slots.get(place.0)?.as_ref()
    }

    pub(super) fn at_mut(&mut self, place: CacheSlot) -> Option<&mut Cached> {
        self.slots.get_mut(place.0)?.as_mut()
    }

    /// Puts a state into memory that is encoded in so many bytes, unless it is there.
    pub(super) fn insert(&mut self, aggregate: AggregateId, state: Box<dyn State>, encoded: usize) {
        if self.contains(&aggregate) {
            return;
        }
        let weight = weight(encoded);
        self.bytes += weight;
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            CacheSlot(self.slots.len() - 1)
        });
        self.places.insert(aggregate.clone(), place);
        self.ordered.insert(aggregate.clone(), place);
        let census = Census::of(state.as_ref());
        let (unsaved, named, used) = (None, census.conflicts > 0, AtomicBool::new(true));
        self.slots[place.0] =
            Some(Cached { aggregate, state, unsaved, weight, census, named, used });
    }

    /// Counts what a state that has changed holds; what it held, and holds.
    pub(super) fn recount(&mut self, place: CacheSlot) -> (Census, Census) {
        let Some(cached) = self.at_mut(place) else { return Default::default() };
        let before = cached.census;
        cached.census = Census::of(cached.state.as_ref());
        cached.named |= cached.census.conflicts > 0;
        (before, cached.census)
    }

    /// A state has changed by events of so many bytes of the log up to a position.
    pub(super) fn changed(&mut self, place: CacheSlot, through: Position, bytes: usize) {
        let Some(cached) = self.slots.get_mut(place.0).and_then(Option::as_mut) else { return };
        if cached.unsaved.replace(through).is_none() {
            self.unsaved += 1;
            self.unsaved_bytes += cached.weight;
        }
        cached.weight += bytes;
        *cached.used.get_mut() = true;
        self.bytes += bytes;
        self.unsaved_bytes += bytes;
    }

    /// The state of an aggregate is stored as it was at a position, in so many bytes.
    pub(super) fn saved(&mut self, aggregate: &AggregateId, through: Position, encoded: usize) {
        let Some(place) = self.place(aggregate) else { return };
        let Some(cached) = self.slots[place.0].as_mut() else { return };
        if cached.unsaved.is_some_and(|changed| changed <= through) {
            cached.unsaved = None;
            self.unsaved -= 1;
            self.unsaved_bytes -= cached.weight;
            self.bytes -= cached.weight;
            cached.weight = weight(encoded);
            self.bytes += cached.weight;
        }
    }

    /// The states' weight, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The weight of the states whose changes are not stored.
    pub(super) const fn unsaved_bytes(&self) -> usize {
        self.unsaved_bytes
    }

    /// The number of states whose changes are not stored.
    pub(super) const fn unsaved_len(&self) -> usize {
        self.unsaved
    }

    /// The states whose changes are not stored.
    pub(super) fn unsaved(&self) -> impl Iterator<Item = &Cached> {
        self.slots.iter().flatten().filter(|cached| cached.unsaved.is_some())
    }

    /// Drops stored states that are not in use until the rest weighs at most so much. States that
    /// `keep` wants stay. Returns whether any was dropped.
    pub(super) fn evict(&mut self, most: usize, keep: impl Fn(&AggregateId) -> bool) -> bool {
        let before = self.bytes;
        // Twice round: the first time takes the chance away, the second time the state.
        for _ in 0..2 * self.slots.len() {
            if self.bytes <= most {
                break;
            }
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(cached) = &mut self.slots[self.hand] else { continue };
            let stays = cached.unsaved.is_some() || keep(&cached.aggregate);
            if !stays && !std::mem::take(cached.used.get_mut()) {
                self.remove(CacheSlot(self.hand));
            }
        }
        self.bytes < before
    }

    fn remove(&mut self, place: CacheSlot) {
        let Some(cached) = self.slots[place.0].take() else { return };
        self.places.remove(&cached.aggregate);
        self.ordered.remove(&cached.aggregate);
        self.bytes -= cached.weight;
        self.free.push(place);
    }

    /// The states with open conflicts after an aggregate, ascending; those of a type, if one is named.
    pub(super) fn conflicted<'a>(
        &'a self,
        kind: Option<&Name>,
        after: Option<&AggregateId>,
    ) -> impl Iterator<Item = &'a Cached> {
        let kind = kind.cloned();
        let least = |kind: &Name| AggregateId { kind: kind.clone(), key: Key::least() };
        let from = match (after, &kind) {
            (Some(after), _) => Bound::Excluded(after.clone()),
            (None, Some(kind)) => Bound::Included(least(kind)),
            (None, None) => Bound::Unbounded,
        };
        self.ordered
            .range((from, Bound::Unbounded))
            .take_while(move |(id, _)| kind.as_ref().is_none_or(|kind| id.kind == *kind))
            .filter_map(|(_, place)| self.at(*place))
            .filter(|cached| cached.open() > 0)
    }

    /// The states of a type's aggregates after a key, ascending.
    pub(super) fn listed<'a>(
        &'a self,
        kind: &Name,
        after: Option<&Key>,
    ) -> impl Iterator<Item = &'a Cached> {
        let kind = kind.clone();
        let from = match after {
            Some(key) => Bound::Excluded(key.clone()),
            None => Bound::Included(Key::least()),
        }
        .map(|key| AggregateId { kind: kind.clone(), key });
        self.ordered
            .range((from, Bound::Unbounded))
            .take_while(move |(id, _)| id.kind == kind)
            .filter_map(|(_, place)| self.at(*place))
    }
}

impl Cached {
    /// The number of its open conflicts.
    pub(super) const fn open(&self) -> u64 {
        self.census.conflicts
    }

    /// True when the store may name it as one with open conflicts, or has to.
    pub(super) const fn is_named(&self) -> bool {
        self.named
    }
}

impl Census {
    fn of(state: &dyn State) -> Self {
        let deleted = u64::from(state.fields().is_deleted());
        Self { conflicts: state.conflict_count(), deleted, parked: state.parked() }
    }

    /// These counts, when what a state holds is another thing than before.
    pub(super) const fn replace(self, before: Self, after: Self) -> Self {
        Self {
            conflicts: self.conflicts.saturating_sub(before.conflicts) + after.conflicts,
            deleted: self.deleted.saturating_sub(before.deleted) + after.deleted,
            parked: self.parked.saturating_sub(before.parked) + after.parked,
        }
    }
}

const fn weight(encoded: usize) -> usize {
    STATE_BYTES + BYTES_PER_ENCODED * encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[test]
    fn a_hand_drops_what_is_stored_and_not_in_use() {
        let mut cache = Cache::default();
        let ids: Vec<_> = (0..4).map(note).collect();
        ids.iter().for_each(|id| put(&mut cache, id));
        let changed = cache.place(&ids[1]).unwrap();
        cache.changed(changed, Position(1), 100);
        let most = cache.bytes() - 1;

        assert!(cache.evict(most, |id| *id == ids[2]));
        assert!(!cache.contains(&ids[0]) || !cache.contains(&ids[3]), "one of those not in use");
        assert!(cache.contains(&ids[1]), "its change is not stored");
        assert!(cache.contains(&ids[2]), "it is wanted");

        cache.evict(0, |_| false);
        let left: Vec<_> = cache.listed(&ids[0].kind, None).map(|it| &it.aggregate).collect();
        assert_eq!(left, [&ids[1]]);
        cache.saved(&ids[1], Position(1), 0);
        cache.evict(0, |_| false);
        assert_eq!((cache.bytes(), cache.unsaved_bytes(), cache.unsaved_len()), (0, 0, 0));
    }

    #[test]
    fn what_was_used_since_the_hand_came_by_stays_longer() {
        let mut cache = Cache::default();
        let ids: Vec<_> = (0..8).map(note).collect();
        ids.iter().for_each(|id| put(&mut cache, id));
        // The first round takes every chance away and drops one.
        cache.evict(cache.bytes() - 1, |_| false);
        let left: Vec<_> = ids.iter().filter(|id| cache.contains(id)).collect();
        let (used, idle) = left.split_first().unwrap();
        assert!(cache.get(used).is_some());
        cache.evict(weight(0), |_| false);
        assert!(cache.contains(used) && !idle.iter().any(|id| cache.contains(id)));
    }

    #[test]
    fn a_state_weighs_what_it_holds_once_it_is_stored() {
        let mut cache = Cache::default();
        let id = note(0);
        put(&mut cache, &id);
        let place = cache.place(&id).unwrap();
        for position in 1..=100 {
            cache.changed(place, Position(position), 1_000);
        }
        cache.saved(&id, Position(99), 1_000);
        assert!(cache.unsaved_bytes() > 100_000, "changed since");
        cache.saved(&id, Position(100), 1_000);
        assert_eq!(cache.bytes(), weight(1_000));
    }

    fn note(n: u8) -> AggregateId {
        AggregateId { kind: Name::new("note").unwrap(), key: Key::new(&[n]).unwrap() }
    }

    fn put(cache: &mut Cache, id: &AggregateId) {
        cache.insert(id.clone(), Registry::new().fresh(&id.kind), 0);
    }
}
