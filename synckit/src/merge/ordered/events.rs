//! Events in their total order, and what they come to.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use super::Replay;
use crate::clock::Hlc;
use crate::event::message_of;
use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{read_dot, read_id, write_dot, write_id};
use crate::merge::{At, MergeState, OpId};
use crate::wire::{self, Field as _, Reader, WireError, WireType, Writer};

/// Events of a chunk that the next one is appended behind.
const CHUNK_FULL: usize = 64;
/// Most events of a chunk.
const CHUNK_MAX: usize = 2 * CHUNK_FULL;

/// The state of an `ordered` field: its events, ascending in the total order.
///
/// They stand in chunks, which copies share, and behind each chunk is remembered what the events up to there
/// have come to: an event that comes late has those applied again that stand in its chunk and behind it.
pub struct OrderedEvents<T, E> {
    chunks: Vec<Arc<Vec<OrderedEvent<E>>>>,
    /// One for each chunk.
    outcomes: Vec<OnceLock<Arc<ChunkOutcome<T>>>>,
}

/// An event in its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct OrderedEvent<E> {
    pub(super) event: E,
    pub(super) hlc: Hlc,
    pub(super) id: OpId,
    /// The last events of others that its author had seen, as its context names them.
    seen: Vec<Dot>,
}

impl<E> OrderedEvent<E> {
    const fn order(&self) -> (Hlc, OpId) {
        (self.hlc, self.id)
    }
}

/// The result of the events up to the end of a chunk.
struct ChunkOutcome<T> {
    value: T,
    refused: Refusals,
}

/// The events of a chunk that have no effect, by their place in it.
type Refusals = BTreeMap<usize, Reason>;

/// The reason of a refusal, without its type.
pub(super) enum Reason {
    Refused(Box<dyn Any + Send + Sync>),
    Panicked(String),
}

/// The place of an event among the others, as [`Replay::apply`] is told.
pub struct OrderedAt<'a, E> {
    /// `None` for the event of an edit, whose author has seen all there is.
    among: Option<Among<'a, E>>,
}

struct Among<'a, E> {
    chunks: &'a [Arc<Vec<OrderedEvent<E>>>],
    /// Its chunk, and its place there.
    place: (usize, usize),
    /// Of the chunks up to its own.
    refused: &'a [&'a Refusals],
}

impl<'a, E> OrderedAt<'a, E> {
    /// The place behind all others, of an event whose author has seen them.
    pub(super) const fn last() -> Self {
        Self { among: None }
    }

    /// The events before it that took effect and that its author had not seen, in their order: nothing but
    /// the order puts it behind them. Takes time in the number of events of the field.
    pub fn concurrent(&self) -> Vec<&'a E> {
        let Some(Among { chunks, place, refused }) = &self.among else { return Vec::new() };
        let Some(event) = chunks.get(place.0).and_then(|events| events.get(place.1)) else {
            return Vec::new();
        };
        let past = CausalPast::of(event, chunks);
        let mut concurrent = Vec::new();
        for (chunk, (events, refused)) in chunks.iter().zip(refused.iter()).enumerate() {
            let before = events.iter().enumerate().filter(|(at, _)| (chunk, *at) < *place);
            let effective = before.filter(|(at, _)| !refused.contains_key(at));
            concurrent.extend(effective.map(|(_, it)| it).filter(|it| !past.has(it)));
        }
        concurrent.into_iter().map(|it| &it.event).collect()
    }
}

impl<E> fmt::Debug for OrderedAt<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedAt").finish_non_exhaustive()
    }
}

/// The events that the author of one had seen.
struct CausalPast {
    of: OpId,
    /// Of each author, the number of the last one.
    seen: BTreeMap<ReplicaId, u64>,
}

impl CausalPast {
    /// Contexts name the last events only, so what those had seen is followed.
    fn of<E>(event: &OrderedEvent<E>, chunks: &[Arc<Vec<OrderedEvent<E>>>]) -> Self {
        let mut by_author: BTreeMap<ReplicaId, Vec<&OrderedEvent<E>>> = BTreeMap::new();
        for other in chunks.iter().flat_map(|events| events.iter()) {
            by_author.entry(other.id.dot.replica).or_default().push(other);
        }
        let own = by_author.get(&event.id.dot.replica).into_iter().flatten();
        let own = own.filter(|other| other.id <= event.id);
        let mut open: Vec<Dot> = own.flat_map(|other| &other.seen).copied().collect();
        let mut seen: BTreeMap<ReplicaId, u64> = BTreeMap::new();
        while let Some(dot) = open.pop() {
            let known = seen.entry(dot.replica).or_default();
            let followed = *known;
            *known = dot.seq.max(followed);
            let of_author = by_author.get(&dot.replica).into_iter().flatten();
            let fresh = of_author.filter(|other| {
                let seq = other.id.dot.seq;
                followed < seq && seq <= dot.seq
            });
            open.extend(fresh.flat_map(|other| &other.seen));
        }
        Self { of: event.id, seen }
    }

    fn has<E>(&self, other: &OrderedEvent<E>) -> bool {
        if other.id.dot.replica == self.of.dot.replica {
            return other.id < self.of;
        }
        self.seen.get(&other.id.dot.replica).is_some_and(|seq| *seq >= other.id.dot.seq)
    }
}

impl<T, E> OrderedEvents<T, E> {
    /// The events in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OrderedEvent<E>> {
        self.chunks.iter().flat_map(|events| events.iter())
    }

    /// The events that no other's author had seen.
    pub(super) fn heads(&self) -> Vec<Dot> {
        let seen = last_of(self.iter().flat_map(|it| it.seen.iter().copied()));
        let mut last = self.last_of_authors();
        last.retain(|dot| seen.get(&dot.replica).is_none_or(|seen| *seen < dot.seq));
        last
    }

    /// The last event of each author.
    pub(super) fn last_of_authors(&self) -> Vec<Dot> {
        let last = last_of(self.iter().map(|it| it.id.dot));
        last.into_iter().map(|(replica, seq)| Dot { replica, seq }).collect()
    }
}

/// The greatest number of each author.
fn last_of(dots: impl Iterator<Item = Dot>) -> BTreeMap<ReplicaId, u64> {
    let mut last: BTreeMap<ReplicaId, u64> = BTreeMap::new();
    for dot in dots {
        let known = last.entry(dot.replica).or_default();
        *known = dot.seq.max(*known);
    }
    last
}

impl<T, E: Clone> OrderedEvents<T, E> {
    /// Drops the events that the author of the operation had seen.
    pub(super) fn forget(&mut self, at: &At<'_>) {
        let left = self.iter().filter(|it| !at.saw(it.id)).cloned().collect();
        *self = Self::of(left);
    }

    /// Events that stand in their order.
    fn of(mut events: Vec<OrderedEvent<E>>) -> Self {
        let mut chunks = Vec::new();
        while events.len() > CHUNK_FULL {
            let rest = events.split_off(CHUNK_FULL);
            chunks.push(Arc::new(std::mem::replace(&mut events, rest)));
        }
        chunks.extend((!events.is_empty()).then(|| Arc::new(events)));
        let outcomes = chunks.iter().map(|_| OnceLock::new()).collect();
        Self { chunks, outcomes }
    }

    /// Puts an event into its place.
    pub(super) fn insert(&mut self, event: E, at: &At<'_>) {
        let own = at.id().dot.replica;
        let seen = at.context().iter().filter(|dot| dot.replica != own).collect();
        let event = OrderedEvent { event, hlc: at.hlc(), id: at.id(), seen };
        let is_before = |events: &Arc<Vec<OrderedEvent<E>>>| {
            events.first().is_some_and(|first| first.order() < event.order())
        };
        let chunk = self.chunks.partition_point(is_before).saturating_sub(1);
        let is_last = chunk + 1 >= self.chunks.len();
        let Some(events) = self.chunks.get_mut(chunk) else {
            self.chunks.push(Arc::new(vec![event]));
            self.outcomes.push(OnceLock::new());
            return;
        };
        let place = events.partition_point(|other| other.order() < event.order());
        if is_last && place == events.len() && place >= CHUNK_FULL {
            self.chunks.push(Arc::new(vec![event]));
            self.outcomes.push(OnceLock::new());
            return;
        }
        let events = Arc::make_mut(events);
        events.insert(place, event);
        let rest = (events.len() > CHUNK_MAX).then(|| events.split_off(CHUNK_FULL));
        if let Some(rest) = rest {
            self.chunks.insert(chunk + 1, Arc::new(rest));
        }
        self.outcomes.truncate(chunk);
        self.outcomes.resize_with(self.chunks.len(), OnceLock::new);
    }
}

impl<T: Replay<E>, E> OrderedEvents<T, E> {
    /// The value that the events come to.
    pub(super) fn value(&self) -> T {
        self.outcomes().last().map(|outcome| outcome.value.clone()).unwrap_or_default()
    }

    /// The events that have no effect, in their order.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&OrderedEvent<E>, &Reason)> {
        let chunks = self.chunks.iter().zip(self.outcomes());
        chunks.flat_map(|(events, outcome)| {
            let refused = outcome.refused.iter();
            refused.filter_map(|(place, reason)| Some((events.get(*place)?, reason)))
        })
    }

    /// The events that have an effect.
    pub(super) fn effective(&self) -> Vec<Dot> {
        let chunks = self.chunks.iter().zip(self.outcomes());
        let effective = chunks.flat_map(|(events, outcome)| {
            let events = events.iter().enumerate();
            events.filter(|(place, _)| !outcome.refused.contains_key(place))
        });
        let mut dots: Vec<_> = effective.map(|(_, it)| it.id.dot).collect();
        dots.dedup();
        dots
    }

    /// The outcome of each chunk, on top of those before it.
    fn outcomes(&self) -> Vec<&ChunkOutcome<T>> {
        let mut outcomes: Vec<&ChunkOutcome<T>> = Vec::with_capacity(self.chunks.len());
        for remembered in &self.outcomes {
            let outcome = remembered.get_or_init(|| Arc::new(self.apply(&outcomes)));
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Applies the events of the chunk that follows these outcomes. When one of them is refused, what it has
    /// changed is undone by beginning again without it.
    fn apply(&self, before: &[&ChunkOutcome<T>]) -> ChunkOutcome<T> {
        let chunk = before.len();
        let mut refused = Refusals::new();
        loop {
            let mut value = before.last().map(|outcome| outcome.value.clone()).unwrap_or_default();
            match self.attempt(chunk, &mut value, before, &refused) {
                None => return ChunkOutcome { value, refused },
                Some((place, reason)) => refused.insert(place, reason),
            };
        }
    }

    /// Applies the events of a chunk that are not refused yet; the first one that is.
    fn attempt(
        &self,
        chunk: usize,
        value: &mut T,
        before: &[&ChunkOutcome<T>],
        refused: &Refusals,
    ) -> Option<(usize, Reason)> {
        let known: Vec<_> =
            before.iter().map(|outcome| &outcome.refused).chain([refused]).collect();
        let events = self.chunks.get(chunk)?.iter().enumerate();
        for (place, it) in events.filter(|(place, _)| !refused.contains_key(place)) {
            let among = Among { chunks: &self.chunks, place: (chunk, place), refused: &known };
            let at = OrderedAt { among: Some(among) };
            // A panic leaves nothing behind: the value is thrown away.
            let applied = catch_unwind(AssertUnwindSafe(|| value.apply(&it.event, &at)));
            let reason = match applied {
                Ok(Ok(())) => continue,
                Ok(Err(refusal)) => Reason::Refused(Box::new(refusal)),
                Err(panic) => Reason::Panicked(message_of(&*panic).into_owned()),
            };
            return Some((place, reason));
        }
        None
    }
}

impl<T, E> Clone for OrderedEvents<T, E> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), outcomes: self.outcomes.clone() }
    }
}

impl<T, E> Default for OrderedEvents<T, E> {
    fn default() -> Self {
        Self { chunks: Vec::new(), outcomes: Vec::new() }
    }
}

/// The outcomes follow from the events.
impl<T, E: PartialEq> PartialEq for OrderedEvents<T, E> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T, E: fmt::Debug> fmt::Debug for OrderedEvents<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Replay<E>, E: wire::Field> MergeState for OrderedEvents<T, E> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        for it in self.iter() {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                it.hlc.to_bits().write_field(1, out);
                write_id(2, it.id, out);
                for dot in &it.seen {
                    out.tag(5, WireType::Len);
                    out.nested(|out| write_dot(1, *dot, out));
                }
                it.event.write_field(6, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut events: Vec<OrderedEvent<E>> = Vec::new();
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let it = input.enclosed(|input| {
                let (hlc, id) = (Hlc::from_bits(u64::read_field(1, input)?), read_id(2, input)?);
                let seen = read_seen(input)?;
                Ok(OrderedEvent { event: E::read_field(6, input)?, hlc, id, seen })
            })?;
            if events.last().is_some_and(|last| last.order() >= it.order()) {
                return Err(WireError::Unsorted { number });
            }
            events.push(it);
            present = input.take_again(WireType::Len)?;
        }
        Ok(Self::of(events))
    }
}

fn read_seen(input: &mut Reader<'_>) -> Result<Vec<Dot>, WireError> {
    let mut seen: Vec<Dot> = Vec::new();
    let mut present = input.take(5, WireType::Len)?;
    while present {
        let dot = input.nested(|input| read_dot(1, input))?;
        if seen.last().is_some_and(|last| last.replica >= dot.replica) {
            return Err(WireError::Unsorted { number: 5 });
        }
        seen.push(dot);
        present = input.take_again(WireType::Len)?;
    }
    Ok(seen)
}
