//! The states of a replica's aggregates: a checkpointed cache over the log.
//!
//! States are folded in memory and stored now and then, with the position that they reflect. They
//! can lag behind the log, and are caught up from it; they never lead it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

use crate::block::Block;
use crate::branch::Branches;
use crate::clock::Hlc;
use crate::conflict::{Conflict, Conflicts};
use crate::event::DecodeError;
use crate::id::{AggregateId, Key, Name, Position};
use crate::log::{LogBlock, Stamped};
use crate::registry::{Outcome, Registry, State};
use crate::ruling::{Rulings, is_control};
use crate::wire::WireError;

/// States in memory whose changes are not stored yet, in bytes, before they are written.
pub(super) const DIRTY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Conflicts that are not stored yet before they are written.
pub(super) const CONFLICTS_MAX: usize = 4_096;
/// States in memory, in bytes, before those that are stored are dropped.
const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes that a state takes besides the events folded into it, roughly.
const STATE_BYTES: usize = 512;

/// The states in memory, and how far they have been folded.
#[derive(Debug)]
pub(super) struct States {
    registry: Registry,
    states: BTreeMap<AggregateId, Cached>,
    folded: Position,
    dirty_bytes: usize,
    clean_bytes: usize,
    conflicts: Vec<Conflict>,
    tally: Tally,
    /// Reasons of events on which the application's code panicked.
    panicked: BTreeMap<Position, DecodeError>,
    /// Stored states were folded under another registry, or cannot be read: they are not read, and
    /// replaced as a whole.
    stale: bool,
    saving: Option<Saving>,
    /// Grows when states leave memory.
    evictions: u64,
    /// Grows when states were stored.
    saves: u64,
}

/// The extent of a save under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Saving {
    through: Position,
    conflicts: usize,
}

/// Counts of what folding met since the replica was opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) conflicts: u64,
    pub(crate) parked: u64,
}

#[derive(Debug)]
struct Cached {
    state: Box<dyn State>,
    weight: usize,
    /// The log's position when the state last changed, unless that is stored.
    unsaved: Option<Position>,
}

/// States to store.
#[derive(Debug)]
pub(crate) struct Unsaved {
    /// The position that the states reflect.
    pub(crate) position: Position,
    /// The number of forks known when they were folded: a further one changes identities in
    /// merging, and with them states.
    pub(crate) forks: u32,
    /// The position up to which rulings were known.
    pub(crate) ruled: Position,
    /// True if the application's code panicked on no event. Otherwise the next opening replays the
    /// log: by then that code may be mended.
    pub(crate) is_sound: bool,
    /// True when everything stored before is replaced.
    pub(crate) replaces_all: bool,
    pub(crate) states: Vec<(AggregateId, Bytes)>,
    pub(crate) conflicts: Vec<Conflict>,
}

impl States {
    /// Nothing in memory. `stored` is the position that the stored states reflect, if they can be
    /// used.
    pub(super) const fn new(registry: Registry, stored: Option<Position>) -> Self {
        Self {
            registry,
            states: BTreeMap::new(),
            folded: match stored {
                Some(position) => position,
                None => Position::START,
            },
            dirty_bytes: 0,
            clean_bytes: 0,
            conflicts: Vec::new(),
            tally: Tally { conflicts: 0, parked: 0 },
            panicked: BTreeMap::new(),
            stale: stored.is_none(),
            saving: None,
            evictions: 0,
            saves: 0,
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
        !self.stale
    }

    pub(super) fn contains(&self, aggregate: &AggregateId) -> bool {
        self.states.contains_key(aggregate)
    }

    /// Counts how often states left memory.
    pub(super) const fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Counts how often states were stored.
    pub(super) const fn saves(&self) -> u64 {
        self.saves
    }

    /// The reason of an event's parking, when the application's code panicked on it.
    pub(super) fn panicked(&self, position: Position) -> Option<&DecodeError> {
        self.panicked.get(&position)
    }

    /// The conflicts that are not stored.
    pub(super) fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// A state in memory.
    pub(super) fn get(&self, aggregate: &AggregateId) -> Option<&dyn State> {
        self.states.get(aggregate).map(|cached| cached.state.as_ref())
    }

    /// Aggregates of `block` whose states must be put into memory before it is folded.
    pub(super) fn absent(&self, block: &Block) -> Vec<AggregateId> {
        let folded = block.aggregates().iter().filter(|id| !is_control(id));
        folded.filter(|id| !self.contains(id)).cloned().collect()
    }

    /// Puts states of aggregates into memory that have no event yet.
    pub(super) fn begin(&mut self, aggregates: impl IntoIterator<Item = AggregateId>) {
        for aggregate in aggregates {
            let state = self.registry.fresh(&aggregate.kind);
            self.put(aggregate, state, 0);
        }
    }

    /// Puts a state into memory as it was stored; a fresh one when there is none.
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
        self.put(aggregate, state, stored.map_or(0, <[u8]>::len));
        Ok(())
    }

    /// A state that is in memory is newer and stays.
    fn put(&mut self, aggregate: AggregateId, state: Box<dyn State>, bytes: usize) {
        if let Entry::Vacant(vacant) = self.states.entry(aggregate) {
            let weight = STATE_BYTES + bytes;
            self.clean_bytes += weight;
            vacant.insert(Cached { state, weight, unsaved: None });
        }
    }

    /// Folds a block that begins at or before the position reached. Its aggregates' states must be
    /// in memory. Returns the aggregates that changed.
    ///
    /// The application's code that folding runs may panic. That event is then parked, and its
    /// aggregate's state is what it would be had the event been parked in the first place.
    pub(super) fn fold(
        &mut self,
        log: &LogBlock,
        branches: &Branches,
        rulings: &Rulings,
    ) -> BTreeSet<AggregateId> {
        let mut folds = BTreeMap::new();
        for (position, stamped) in log.stamped(branches, rulings, self.folded) {
            let entry = stamped.entry;
            let aggregate = entry.aggregate();
            let Some(cached) = self.states.get_mut(aggregate) else { continue };
            let fold = folds.entry(aggregate).or_insert_with(|| BlockFold::of(cached));
            let mut conflicts = Conflicts::new(aggregate);
            match fold.add(cached, stamped, &mut conflicts) {
                Outcome::Known => continue,
                Outcome::Folded => {}
                Outcome::Parked(_) => self.tally.parked += 1,
                Outcome::Panicked(reason) => {
                    self.tally.parked += 1;
                    self.panicked.insert(position, reason);
                }
                // Counted as parked: its aggregate has more writers than a state tells apart.
                Outcome::TooManyWriters(_) => self.tally.parked += 1,
            }
            fold.changed = true;
            let grown = entry.payload().len();
            if cached.unsaved.replace(log.end()).is_none() {
                self.clean_bytes = self.clean_bytes.saturating_sub(cached.weight);
                self.dirty_bytes += cached.weight;
            }
            cached.weight += grown;
            self.dirty_bytes += grown;
            let found = conflicts.into_found();
            self.tally.conflicts += found.len() as u64;
            self.conflicts.extend(found);
        }
        self.folded = self.folded.max(log.end());
        let changed = folds.into_iter().filter(|(_, fold)| fold.changed);
        changed.map(|(aggregate, _)| aggregate.clone()).collect()
    }

    /// True when enough is unsaved to be stored soon.
    pub(super) fn is_full(&self) -> bool {
        self.dirty_bytes > DIRTY_BYTES_MAX || self.conflicts.len() > CONFLICTS_MAX
    }

    /// True when anything is unsaved.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty_bytes > 0 || (self.stale && self.folded > Position::START)
    }

    /// True when more is unsaved than may be, so that folding waits until it is stored.
    pub(super) fn is_overfull(&self) -> bool {
        self.dirty_bytes > 2 * DIRTY_BYTES_MAX || self.conflicts.len() > 2 * CONFLICTS_MAX
    }

    /// Everything that is unsaved; it stays so until [`States::saved`]. Folding may go on meanwhile.
    pub(super) fn save(&mut self, forks: u32, ruled: Position) -> Result<Unsaved, WireError> {
        let unsaved = self.states.iter().filter(|(_, cached)| cached.unsaved.is_some());
        let states = unsaved
            .map(|(id, cached)| Ok((id.clone(), cached.state.bytes()?)))
            .collect::<Result<_, WireError>>()?;
        self.saving = Some(Saving { through: self.folded, conflicts: self.conflicts.len() });
        Ok(Unsaved {
            position: self.folded,
            forks,
            ruled: ruled.max(self.folded),
            is_sound: self.panicked.is_empty(),
            replaces_all: self.stale,
            states,
            conflicts: self.conflicts.clone(),
        })
    }

    /// Takes note that what [`States::save`] gave is stored. States that `keep` refuses may leave memory.
    pub(super) fn saved(&mut self, keep: impl Fn(&AggregateId) -> bool) {
        let Some(Saving { through, conflicts }) = self.saving.take() else { return };
        for cached in self.states.values_mut() {
            if cached.unsaved.is_some_and(|changed| changed <= through) {
                cached.unsaved = None;
                self.dirty_bytes = self.dirty_bytes.saturating_sub(cached.weight);
                self.clean_bytes += cached.weight;
            }
        }
        self.conflicts.drain(..conflicts);
        self.saves += 1;
        self.stale = false;
        if self.clean_bytes > CACHE_BYTES_MAX {
            self.states.retain(|id, cached| cached.unsaved.is_some() || keep(id));
            let left = self.states.values().filter(|cached| cached.unsaved.is_none());
            self.clean_bytes = left.map(|cached| cached.weight).sum();
            self.evictions += 1;
        }
    }

    /// Stored states cannot be read: all are folded from the log again.
    pub(super) fn start_over(&mut self) {
        let registry = std::mem::take(&mut self.registry);
        let (evictions, saves) = (self.evictions + 1, self.saves + 1);
        *self = Self { evictions, saves, ..Self::new(registry, None) };
    }

    /// The states in memory of a type's aggregates after a key.
    pub(super) fn listed<'a>(
        &'a self,
        kind: &Name,
        key: Option<&Key>,
    ) -> impl Iterator<Item = (&'a AggregateId, &'a dyn State)> {
        let kind = kind.clone();
        let from = match key {
            Some(key) => Bound::Excluded(key.clone()),
            None => Bound::Included(Key::least()),
        }
        .map(|key| AggregateId { kind: kind.clone(), key });
        self.states
            .range((from, Bound::Unbounded))
            .take_while(move |(id, _)| id.kind == kind)
            // Loaded for an edit or a fold that has not come about: no event is held.
            .filter(|(_, cached)| cached.state.latest() > Hlc::ZERO)
            .map(|(id, cached)| (id, cached.state.as_ref()))
    }
}

/// The effect of a block on one aggregate, to be replayed without an event on which the
/// application's code panics.
struct BlockFold<'a> {
    before: Box<dyn State>,
    folded: Vec<(Stamped<'a>, bool)>,
    changed: bool,
}

impl<'a> BlockFold<'a> {
    fn of(cached: &Cached) -> Self {
        Self { before: cached.state.duplicate(), folded: Vec::new(), changed: false }
    }

    fn add(
        &mut self,
        cached: &mut Cached,
        event: Stamped<'a>,
        conflicts: &mut Conflicts<'_>,
    ) -> Outcome {
        let outcome = cached.state.fold(&event.stamp(), &event.entry, conflicts);
        let panicked = matches!(outcome, Outcome::Panicked(_));
        self.folded.push((event, panicked));
        if panicked {
            cached.state = self.again();
        }
        outcome
    }

    /// The state after the same events, those that panicked parked.
    fn again(&self) -> Box<dyn State> {
        let mut state = self.before.duplicate();
        for (event, panicked) in &self.folded {
            // These conflicts were noted when the events were folded first.
            let mut noted = Conflicts::new(event.entry.aggregate());
            if *panicked {
                state.park(&event.stamp());
            } else {
                state.fold(&event.stamp(), &event.entry, &mut noted);
            }
        }
        state
    }
}
