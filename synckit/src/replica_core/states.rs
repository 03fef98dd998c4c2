//! The states of a replica's aggregates: a checkpointed cache over the log.
//!
//! States are folded in memory and stored now and then, with the position that they reflect. They
//! can lag behind the log, and are caught up from it; they never lead it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

use super::cache::{Cache, CacheSlot, Cached, Census};
use super::edits::MadeStates;
use crate::block::Block;
use crate::branch::Branches;
use crate::conflict::{AnyConflict, PolicyChoice};
use crate::event::DecodeError;
use crate::filter::Filter;
use crate::id::{AggregateId, Key, Name, Position};
use crate::log::{LogBlock, Stamped};
use crate::registry::{Outcome, RecordedEvent, Registry, State};
use crate::ruling::{Rulings, is_control};
use crate::wire::WireError;

/// Events between the stored states and the folded ones before states are stored: as many as an
/// opening after a crash replays.
const CHECKPOINT_EVENTS: u64 = 262_144;
/// The same in bytes of the log.
const CHECKPOINT_BYTES: usize = 32 * 1024 * 1024;
/// States in memory whose changes are not stored yet, in bytes, before they are written.
const DIRTY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// States in memory, in bytes, before those that are stored and not in use are dropped.
const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The bytes left of them, so that dropping costs each state little.
const CACHE_BYTES_KEPT: usize = CACHE_BYTES_MAX / 4 * 3;

/// The states in memory, and how far they have been folded.
#[derive(Debug)]
pub(super) struct States {
    registry: Registry,
    /// The aggregates that are folded; all when there is none.
    filter: Option<Filter>,
    cache: Cache,
    folded: Position,
    /// The position that the stored states reflect, and bytes of the log folded since.
    stored: Position,
    bytes_since: usize,
    tally: Tally,
    /// Events that were parked, and are not stored as such.
    parked: BTreeSet<Position>,
    /// Reasons of events on which the application's code panicked.
    panicked: BTreeMap<Position, DecodeError>,
    /// Stored states were folded under another registry, or cannot be read: they are not read, and
    /// replaced as a whole.
    stale: bool,
    /// States that are not in memory may be in the store: otherwise every aggregate's is in memory.
    partial: bool,
    saving: Option<Saving>,
    /// Choices of the policy that nobody has been told of.
    choices: Vec<PolicyChoice>,
    /// Grows when states leave memory.
    evictions: u64,
}

/// The extent of a save under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Saving {
    through: Position,
    /// Bytes of the log folded before it.
    bytes: usize,
}

/// Counts of what the states hold, and of what folding met since the replica was opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) census: Census,
    /// Changes of aggregates that had open conflicts before or have some after.
    pub(crate) disputes: u64,
}

/// States to store.
#[derive(Debug)]
pub(crate) struct Unsaved {
    /// The position that the states reflect.
    pub(crate) position: Position,
    /// The number of identities past forks known when they were folded: a further one changes states.
    pub(crate) forks: u32,
    /// The position up to which rulings were known.
    pub(crate) ruled: Position,
    /// True if the application's code panicked on no event. Otherwise the next opening replays the
    /// log: by then that code may be mended.
    pub(crate) is_sound: bool,
    /// True when everything stored before is replaced.
    pub(crate) replaces_all: bool,
    states: Vec<(AggregateId, Box<dyn State>)>,
    /// Counts of what all states hold.
    pub(crate) census: Census,
    /// Those of the aggregates that the store names, or has to, and if they have open conflicts.
    pub(crate) conflicted: Vec<(AggregateId, bool)>,
    /// Events parked that the store does not name yet.
    pub(crate) parked: Vec<Position>,
}

impl Unsaved {
    /// The states' bytes. Takes a while when there are many: not for whoever others wait for.
    pub(crate) fn encode(&self) -> Result<Vec<(AggregateId, Bytes)>, WireError> {
        self.states.iter().map(|(id, state)| Ok((id.clone(), state.bytes()?))).collect()
    }
}

impl States {
    /// Nothing in memory. `stored` is the position that the stored states reflect, and what they
    /// hold, if they can be used.
    pub(super) fn new(
        registry: Registry,
        filter: Option<Filter>,
        stored: Option<(Position, Census)>,
    ) -> Self {
        let (position, census) = stored.unwrap_or_default();
        Self {
            registry,
            filter,
            cache: Cache::default(),
            folded: position,
            stored: position,
            bytes_since: 0,
            tally: Tally { census, ..Tally::default() },
            parked: BTreeSet::new(),
            panicked: BTreeMap::new(),
            stale: stored.is_none(),
            partial: stored.is_some(),
            saving: None,
            choices: Vec::new(),
            evictions: 0,
        }
    }

    pub(super) const fn folded(&self) -> Position {
        self.folded
    }

    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    /// True when states that are not in memory may be in the store.
    pub(super) const fn reads_store(&self) -> bool {
        self.partial
    }

    pub(super) fn contains(&self, aggregate: &AggregateId) -> bool {
        self.cache.contains(aggregate)
    }

    /// Counts how often states left memory.
    pub(super) const fn evictions(&self) -> u64 {
        self.evictions
    }

    /// The reason of an event's parking, when the application's code panicked on it.
    pub(super) fn panicked(&self, position: Position) -> Option<&DecodeError> {
        self.panicked.get(&position)
    }

    /// Events parked after a position that the store does not name, ascending, and if it names others.
    pub(super) fn parked(&self, after: Position, limit: usize) -> (Vec<Position>, bool) {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        (self.parked.range(behind).take(limit).copied().collect(), !self.stale)
    }

    /// The open conflicts of the states in memory after an aggregate, aggregate by aggregate; of those
    /// of a type, if one is named.
    pub(super) fn conflicts<'a>(
        &'a self,
        kind: Option<&Name>,
        after: Option<&AggregateId>,
    ) -> impl Iterator<Item = (&'a AggregateId, Vec<AnyConflict>)> {
        let conflicted = self.cache.conflicted(kind, after);
        conflicted.map(|cached| (&cached.aggregate, cached.state.conflicts(&cached.aggregate)))
    }

    /// A state in memory.
    pub(super) fn get(&self, aggregate: &AggregateId) -> Option<&dyn State> {
        self.cache.get(aggregate)
    }

    /// Aggregates of `block` whose states must be put into memory before it is folded.
    pub(super) fn absent(&self, block: &Block) -> Vec<AggregateId> {
        let named = |id: &AggregateId| self.filter.as_ref().is_none_or(|filter| filter.names(id));
        let folded = block.aggregates().iter().filter(|id| !is_control(id) && named(id));
        folded.filter(|id| !self.contains(id)).cloned().collect()
    }

    /// Puts states of aggregates into memory that have no event yet.
    pub(super) fn begin(&mut self, aggregates: impl IntoIterator<Item = AggregateId>) {
        for aggregate in aggregates {
            let state = self.registry.fresh(&aggregate.kind);
            self.cache.insert(aggregate, state, 0);
        }
    }

    /// Puts a state into memory as it was stored; a fresh one when there is none. A state that is
    /// in memory is newer and stays.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn insert(
        &mut self,
        aggregate: AggregateId,
        stored: Option<&[u8]>,
    ) -> Result<(), WireError> {
        let state = match stored {
            Some(bytes) => self.registry.read(&aggregate.kind, bytes)?,
            None => self.registry.fresh(&aggregate.kind),
        };
        self.cache.insert(aggregate, state, stored.map_or(0, <[u8]>::len));
        Ok(())
    }

    /// Puts a state into memory that was read from the store, in so many bytes, when states had
    /// left memory this often: if none has since, nobody can have changed it there.
    pub(super) fn remember(
        &mut self,
        aggregate: AggregateId,
        state: Box<dyn State>,
        encoded: usize,
        evictions: u64,
    ) {
        if self.evictions == evictions && self.partial {
            self.cache.insert(aggregate, state, encoded);
        }
    }

    /// Folds a block that begins at or before the position reached. Its aggregates' states must be
    /// in memory. Takes the states that it would lead to where they have been `made` already. Returns the
    /// aggregates that changed.
    ///
    /// The application's code that folding runs may panic. That event is then parked, and its
    /// aggregate's state is what it would be had the event been parked in the first place.
    pub(super) fn fold(
        &mut self,
        log: &LogBlock,
        branches: &Branches,
        rulings: &Rulings,
        made: MadeStates,
    ) -> Vec<AggregateId> {
        let aggregates = log.block.aggregates();
        let places: Vec<_> = aggregates.iter().map(|id| self.cache.place(id)).collect();
        let mut folds: Vec<Option<BlockFold>> = Vec::new();
        folds.resize_with(aggregates.len(), || None);
        let after = self.folded;
        if log.is_as_written(rulings) {
            self.take(made, (aggregates, &places), &mut folds);
        }
        if folds.iter().all(Option::is_some) {
            for (_, entry) in log.after(after) {
                let fold = folds[entry.aggregate_index()].as_mut();
                fold.into_iter().for_each(|fold| fold.bytes += entry.payload().len());
            }
            return self.note_folded(log, folds);
        }
        for (position, stamped) in log.stamped(branches, rulings, after) {
            let index = stamped.entry.aggregate_index();
            let Some(place) = places[index] else { continue };
            if self.filter.as_ref().is_some_and(|filter| !filter.shows(&stamped.entry)) {
                continue;
            }
            let Some(cached) = self.cache.at_mut(place) else { continue };
            let fold = folds[index].get_or_insert_with(|| BlockFold::of(cached, place));
            fold.bytes += stamped.entry.payload().len();
            if fold.is_made {
                continue;
            }
            let event = RecordedEvent::of(&stamped.entry);
            match cached.state.fold(&stamped.stamp(), event) {
                Outcome::Folded | Outcome::Outlived => {}
                Outcome::Parked(_) => {
                    self.parked.insert(position);
                }
                Outcome::Panicked(reason) => {
                    self.parked.insert(position);
                    self.panicked.insert(position, reason);
                    let events = log.stamped(branches, rulings, after);
                    let filter = self.filter.as_ref();
                    let of_it = events.filter(|(_, event)| {
                        event.entry.aggregate_index() == index
                            && filter.is_none_or(|filter| filter.shows(&event.entry))
                    });
                    let until = of_it.take_while(|(at, _)| *at <= position);
                    cached.state = again(fold.before.as_ref(), until, &self.panicked);
                }
            }
        }
        self.note_folded(log, folds)
    }

    /// Takes states of a block's aggregates that folding it would lead to.
    fn take(
        &mut self,
        mut made: MadeStates,
        (aggregates, places): (&[AggregateId], &[Option<CacheSlot>]),
        folds: &mut [Option<BlockFold>],
    ) {
        for ((aggregate, place), fold) in aggregates.iter().zip(places).zip(folds) {
            let named = self.filter.as_ref().is_none_or(|filter| filter.names_whole(aggregate));
            let Some(place) = place.filter(|_| named) else { continue };
            let Some(cached) = self.cache.at_mut(place) else { continue };
            let Some(state) = made.remove(aggregate) else { continue };
            let before = std::mem::replace(&mut cached.state, state);
            *fold = Some(BlockFold { place, before, is_made: true, bytes: 0 });
        }
    }

    /// Notes that a block has been folded. Returns the aggregates that changed.
    fn note_folded(&mut self, log: &LogBlock, folds: Vec<Option<BlockFold>>) -> Vec<AggregateId> {
        if log.end() > self.folded {
            self.folded = log.end();
            self.bytes_since += log.block.bytes().len();
        }
        let mut changed = Vec::new();
        for fold in folds.into_iter().flatten() {
            self.cache.changed(fold.place, log.end(), fold.bytes);
            let (before, after) = self.cache.recount(fold.place);
            self.tally.census = self.tally.census.replace(before, after);
            self.tally.disputes += u64::from(before.conflicts + after.conflicts > 0);
            let Some(cached) = self.cache.at(fold.place) else { continue };
            if after.conflicts > 0 && cached.state.policy().is_some() {
                let before = fold.before.conflicts(&cached.aggregate);
                let now = cached.state.conflicts(&cached.aggregate);
                self.choices.extend(PolicyChoice::since(&before, now));
            }
            changed.push(cached.aggregate.clone());
        }
        changed
    }

    /// The choices of the policy since the last call.
    pub(super) fn take_choices(&mut self) -> Vec<PolicyChoice> {
        std::mem::take(&mut self.choices)
    }

    /// True when enough is unsaved to be stored soon.
    pub(super) fn is_full(&self) -> bool {
        let distance = self.folded.0.saturating_sub(self.stored.0);
        self.is_dirty()
            && (distance >= CHECKPOINT_EVENTS
                || self.bytes_since >= CHECKPOINT_BYTES
                || self.cache.unsaved_bytes() > DIRTY_BYTES_MAX)
    }

    /// True when anything is unsaved.
    pub(super) fn is_dirty(&self) -> bool {
        self.cache.unsaved_len() > 0 || (self.stale && self.folded > Position::START)
    }

    /// True when more is unsaved than may be, so that folding waits until it is stored.
    pub(super) fn is_overfull(&self) -> bool {
        self.cache.unsaved_bytes() > 2 * DIRTY_BYTES_MAX
    }

    /// Everything that is unsaved; it stays so until [`States::saved`]. Folding may go on meanwhile.
    pub(super) fn save(&mut self, forks: u32, ruled: Position) -> Unsaved {
        let copy = |cached: &Cached| (cached.aggregate.clone(), cached.state.duplicate());
        let states = self.cache.unsaved().map(copy).collect();
        let named = self.cache.unsaved().filter(|cached| cached.is_named());
        let conflicted =
            named.map(|cached| (cached.aggregate.clone(), cached.open() > 0)).collect();
        self.saving = Some(Saving { through: self.folded, bytes: self.bytes_since });
        Unsaved {
            position: self.folded,
            forks,
            ruled: ruled.max(self.folded),
            is_sound: self.panicked.is_empty(),
            replaces_all: self.stale,
            states,
            census: self.tally.census,
            conflicted,
            parked: self.parked.iter().copied().collect(),
        }
    }

    /// Takes note that what [`States::save`] gave is stored, each state in so many bytes.
    pub(super) fn saved(&mut self, sizes: &[(AggregateId, usize)]) {
        let Some(Saving { through, bytes }) = self.saving.take() else { return };
        for (aggregate, encoded) in sizes {
            self.cache.saved(aggregate, through, *encoded);
        }
        self.parked = self.parked.split_off(&Position(through.0.saturating_add(1)));
        self.stored = through;
        self.bytes_since -= bytes;
        self.stale = false;
    }

    /// True when stored states must leave memory.
    pub(super) const fn is_over_cache(&self) -> bool {
        // While nothing stored can be used, nothing may leave that has not been stored since.
        !self.stale && self.cache.bytes() > CACHE_BYTES_MAX
    }

    /// Drops stored states that nobody has used lately, but none that `keep` wants.
    pub(super) fn evict(&mut self, keep: impl Fn(&AggregateId) -> bool) {
        if self.cache.evict(CACHE_BYTES_KEPT, keep) {
            self.partial = true;
            self.evictions += 1;
        }
    }

    /// Stored states cannot be read: all are folded from the log again.
    pub(super) fn start_over(&mut self) {
        let (registry, filter) = (std::mem::take(&mut self.registry), self.filter.take());
        let evictions = self.evictions + 1;
        let tally = Tally { disputes: self.tally.disputes + 1, ..Tally::default() };
        *self = Self { evictions, tally, ..Self::new(registry, filter, None) };
    }

    /// The states in memory of a type's aggregates after a key.
    pub(super) fn listed<'a>(
        &'a self,
        kind: &Name,
        after: Option<&Key>,
    ) -> impl Iterator<Item = (&'a AggregateId, &'a dyn State)> {
        self.cache
            .listed(kind, after)
            // Loaded for an edit or a fold that has not come about: no event is held.
            .filter(|cached| !cached.state.is_fresh())
            .map(|cached| (&cached.aggregate, cached.state.as_ref()))
    }
}

/// The effect of a block on one aggregate.
struct BlockFold {
    place: CacheSlot,
    /// The state before it, to return to when the application's code panics.
    before: Box<dyn State>,
    /// The state after it is known already.
    is_made: bool,
    /// Bytes of the payloads folded.
    bytes: usize,
}

impl BlockFold {
    fn of(cached: &Cached, place: CacheSlot) -> Self {
        Self { place, before: cached.state.duplicate(), is_made: false, bytes: 0 }
    }
}

/// The state after events of one aggregate, those that panicked parked.
fn again<'a>(
    before: &dyn State,
    events: impl Iterator<Item = (Position, Stamped<'a>)>,
    panicked: &BTreeMap<Position, DecodeError>,
) -> Box<dyn State> {
    let mut state = before.duplicate();
    for (position, event) in events {
        if panicked.contains_key(&position) {
            state.park(&event.stamp());
        } else {
            state.fold(&event.stamp(), RecordedEvent::of(&event.entry));
        }
    }
    state
}
