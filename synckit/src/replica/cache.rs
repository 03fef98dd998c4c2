//! The states of a replica's aggregates: a checkpointed cache over the log.
//!
//! States are folded in memory and written to the store now and then, with the position that they
//! reflect. They can lag behind the log, and are caught up from it; they never lead it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

use crate::block::{Block, Entry};
use crate::clock::Hlc;
use crate::conflict::{Conflict, Conflicts};
use crate::id::{AggregateId, Key, Name, Position, ReplicaId};
use crate::log::LogBlock;
use crate::registry::{Outcome, Registry, State};
use crate::vector::VectorClock;
use crate::wire::WireError;

/// States in memory whose changes are not stored yet, in bytes, before they are written.
pub(super) const DIRTY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Conflicts that are not stored yet before they are written.
pub(super) const CONFLICTS_MAX: usize = 4_096;
/// States in memory, in bytes, before those that are stored are dropped.
const CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a state takes besides the events folded into it, roughly.
const STATE_BYTES: usize = 512;

/// The states in memory, and how far they have been folded.
#[derive(Debug)]
pub(super) struct Cache {
    registry: Registry,
    states: BTreeMap<AggregateId, Cached>,
    folded: Position,
    dirty_bytes: usize,
    clean_bytes: usize,
    conflicts: Vec<Conflict>,
    tally: Tally,
    /// Stored states were folded under another registry: they are not read, and replaced as a
    /// whole.
    stale: bool,
}

/// What was met while folding since the replica was opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    pub(super) conflicts: u64,
    pub(super) parked: u64,
}

#[derive(Debug)]
struct Cached {
    state: Box<dyn State>,
    weight: usize,
    dirty: bool,
}

/// What is to be stored.
#[derive(Debug)]
pub(super) struct Unsaved {
    pub(super) position: Position,
    pub(super) replaces_all: bool,
    pub(super) states: Vec<(AggregateId, Bytes)>,
    pub(super) conflicts: Vec<Conflict>,
}

impl Cache {
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
            stale: stored.is_none(),
        }
    }

    pub(super) const fn folded(&self) -> Position {
        self.folded
    }

    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether states that are not in memory may be in the store.
    pub(super) const fn reads_store(&self) -> bool {
        !self.stale
    }

    pub(super) fn contains(&self, aggregate: &AggregateId) -> bool {
        self.states.contains_key(aggregate)
    }

    /// What `read` makes of a state in memory.
    pub(super) fn with<T>(
        &self,
        aggregate: &AggregateId,
        read: impl FnOnce(&dyn State) -> T,
    ) -> Option<T> {
        self.states.get(aggregate).map(|cached| read(cached.state.as_ref()))
    }

    /// Aggregates of `block` whose states must be put into memory before it is folded.
    pub(super) fn absent(&self, block: &Block) -> Vec<AggregateId> {
        block.aggregates().iter().filter(|id| !self.contains(id)).cloned().collect()
    }

    /// Puts a state into memory as it was stored; a fresh one when there is none.
    pub(super) fn insert(
        &mut self,
        aggregate: AggregateId,
        stored: Option<&[u8]>,
    ) -> Result<(), WireError> {
        let state = match stored {
            Some(bytes) => self.registry.read(&aggregate.kind, bytes)?,
            None => self.registry.fresh(&aggregate.kind),
        };
        let weight = STATE_BYTES + stored.map_or(0, <[u8]>::len);
        self.clean_bytes += weight;
        self.states.entry(aggregate).or_insert(Cached { state, weight, dirty: false });
        Ok(())
    }

    /// What an author who sees this state has seen of the aggregate, and its latest clock reading.
    pub(super) fn causes(&self, id: &AggregateId, author: &ReplicaId) -> (VectorClock, Hlc) {
        self.with(id, |state| (state.context(author), state.latest())).unwrap_or_default()
    }

    /// Folds a block that begins at or before the position reached. Its aggregates' states must be
    /// in memory. Returns the aggregates that changed.
    ///
    /// The application's code that folding runs may panic. That event is then parked, and its
    /// aggregate's state is what it would be had the event been parked in the first place.
    pub(super) fn fold(&mut self, log: &LogBlock) -> BTreeSet<AggregateId> {
        let mut folds = BTreeMap::new();
        for (_, entry) in log.after(self.folded) {
            let aggregate = entry.aggregate();
            let Some(cached) = self.states.get_mut(aggregate) else { continue };
            let fold = folds.entry(aggregate).or_insert_with(|| BlockFold::of(cached));
            let mut conflicts = Conflicts::new(aggregate);
            match fold.add(cached, &entry, &mut conflicts) {
                Outcome::Known => continue,
                Outcome::Folded => {}
                Outcome::Parked(reason) | Outcome::Panicked(reason) => {
                    self.tally.parked += 1;
                    tracing::warn!(dot = %entry.dot(), %aggregate, %reason, "an event is parked");
                }
                Outcome::TooManyWriters(reason) => {
                    tracing::error!(dot = %entry.dot(), %aggregate, %reason, "an event is not folded");
                }
            }
            fold.changed = true;
            let grown = entry.payload().len();
            cached.weight += grown;
            self.dirty_bytes += grown;
            if !std::mem::replace(&mut cached.dirty, true) {
                self.clean_bytes = self.clean_bytes.saturating_sub(cached.weight);
                self.dirty_bytes += cached.weight;
            }
            let found = conflicts.into_found();
            self.tally.conflicts += found.len() as u64;
            self.conflicts.extend(found);
        }
        self.folded = self.folded.max(log.end());
        let changed = folds.into_iter().filter(|(_, fold)| fold.changed);
        changed.map(|(aggregate, _)| aggregate.clone()).collect()
    }

    /// Whether enough is unsaved to be written before more is folded.
    pub(super) fn is_full(&self) -> bool {
        self.dirty_bytes > DIRTY_BYTES_MAX || self.conflicts.len() > CONFLICTS_MAX
    }

    /// Whether anything is unsaved.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty_bytes > 0 || (self.stale && self.folded > Position::START)
    }

    /// Everything that is unsaved; it stays so until [`Cache::saved`].
    pub(super) fn unsaved(&self) -> Result<Unsaved, WireError> {
        let dirty = self.states.iter().filter(|(_, cached)| cached.dirty);
        let states = dirty
            .map(|(id, cached)| Ok((id.clone(), cached.state.bytes()?)))
            .collect::<Result<_, WireError>>()?;
        Ok(Unsaved {
            position: self.folded,
            replaces_all: self.stale,
            states,
            conflicts: self.conflicts.clone(),
        })
    }

    /// What [`Cache::unsaved`] gave is stored. Nothing may have been folded in between.
    pub(super) fn saved(&mut self) {
        self.states.values_mut().for_each(|cached| cached.dirty = false);
        self.conflicts.clear();
        self.clean_bytes += std::mem::take(&mut self.dirty_bytes);
        self.stale = false;
        if self.clean_bytes > CACHE_BYTES_MAX {
            self.states.clear();
            self.clean_bytes = 0;
        }
    }

    /// The states in memory of a type's aggregates after a key.
    pub(super) fn after<'a>(
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

/// What a block does to one aggregate, so that it can be done again without an event on which the
/// application's code panics.
struct BlockFold<'a> {
    before: Box<dyn State>,
    folded: Vec<(Entry<'a>, bool)>,
    changed: bool,
}

impl<'a> BlockFold<'a> {
    fn of(cached: &Cached) -> Self {
        Self { before: cached.state.duplicate(), folded: Vec::new(), changed: false }
    }

    fn add(
        &mut self,
        cached: &mut Cached,
        entry: &Entry<'a>,
        conflicts: &mut Conflicts<'_>,
    ) -> Outcome {
        let outcome = cached.state.fold(entry, conflicts);
        let panicked = matches!(outcome, Outcome::Panicked(_));
        self.folded.push((*entry, panicked));
        if panicked {
            cached.state = self.again();
        }
        outcome
    }

    /// The state after the same events, those that panicked parked.
    fn again(&self) -> Box<dyn State> {
        let mut state = self.before.duplicate();
        for (entry, panicked) in &self.folded {
            // These conflicts were noted when the events were folded first.
            let mut noted = Conflicts::new(entry.aggregate());
            if *panicked {
                state.park(entry);
            } else {
                state.fold(entry, &mut noted);
            }
        }
        state
    }
}
