//! Operations and states of an aggregate.

use std::collections::BTreeMap;

use super::notebook::NOON;
use crate::aggregate::Aggregate;
use crate::clock::{Hlc, UnixMillis};
use crate::event::{EventRef, SyncEvent};
use crate::id::{AggregateId, Dot, Key, Name, ReplicaId};
use crate::registry::{Outcome, RecordedEvent, Registry, State};
use crate::testing::laws::script::{Pool, Script};
use crate::vector::{Stamp, VectorClock};

/// Those who write.
const AUTHORS: u8 = 5;
/// Most events of a script.
const EVENTS_MAX: usize = 64;
/// The first byte of an input that is a state as it is stored.
const STATE: u8 = 0xff;

/// The bits of a step's first byte, above those of the author.
mod flag {
    /// A context follows: of each author, by one byte, up to which of its events.
    pub(super) const CONTEXT: u8 = 8;
    /// A reading of the clock follows, in two bytes.
    pub(super) const CLOCK: u8 = 16;
    /// Written by a later program.
    pub(super) const LATER: u8 = 32;
    /// Written by an earlier program.
    pub(super) const EARLIER: u8 = 64;
}

/// Takes bytes for events about one aggregate, with any payloads, clocks and contexts, or after the byte
/// 255 for a state as it is stored. Whatever a store admits comes to the same state in another order that keeps
/// causes first, also when it is stored and read in between; a state that is read is stored as it was.
///
/// # Panics
/// When that is not so.
pub fn merge<A: Aggregate>(bytes: &[u8]) {
    let registry = Registry::new().with::<A>();
    if let Some((&STATE, state)) = bytes.split_first() {
        return read_state::<A>(&registry, state);
    }
    let events = EventBytes(bytes).read::<A>();
    let plain: Vec<_> = (0..events.len()).collect();
    let first = fold::<A>(&registry, &events, &plain, false);
    let second = fold::<A>(&registry, &events, &another_order(&events), true);
    assert_eq!(second, first, "another order of {events:#?}");
}

fn kind<A: Aggregate>() -> Name {
    Name::new(A::NAME).expect("the name of an aggregate")
}

fn aggregate<A: Aggregate>() -> AggregateId {
    AggregateId { kind: kind::<A>(), key: Key::new(b"fuzz").expect("a short key") }
}

fn read_state<A: Aggregate>(registry: &Registry, bytes: &[u8]) {
    match registry.read(&kind::<A>(), bytes) {
        Ok(state) => {
            let written = state.bytes().expect("what was read is written");
            assert_eq!(written, bytes, "a state is stored as something else");
            look::<A>(&*state);
        }
        Err(error) => super::show(&error),
    }
}

/// Looks at a state as an application does.
fn look<A: Aggregate>(state: &dyn State) -> String {
    let conflicts = state.conflicts(&aggregate::<A>());
    assert_eq!(state.conflict_count(), conflicts.len() as u64, "{conflicts:?}");
    let shown = (!state.fields().is_deleted()).then(|| state.fields().show::<A>());
    format!("{shown:?} {conflicts:?}")
}

/// An event, and what it follows.
#[derive(Debug)]
struct FuzzEvent {
    event: EventRef,
    payload: Vec<u8>,
    dot: Dot,
    hlc: Hlc,
    context: VectorClock,
}

/// Bytes of events that are still to be read.
struct EventBytes<'a>(&'a [u8]);

impl EventBytes<'_> {
    fn read<A: Aggregate>(mut self) -> Vec<FuzzEvent> {
        let (mut events, mut heads, mut millis) = (Vec::new(), BTreeMap::new(), NOON);
        while !self.0.is_empty() && events.len() < EVENTS_MAX {
            let first = self.byte();
            let replica = author(first & 7);
            let head = heads.get(&replica).copied().unwrap_or(0);
            let mut context = VectorClock::new();
            if first & flag::CONTEXT != 0 {
                for other in (0..AUTHORS).map(author).filter(|other| *other != replica) {
                    let most = heads.get(&other).copied().unwrap_or(0);
                    let seq = u64::from(self.byte()).min(most);
                    context.advance(Dot { replica: other, seq }).expect("few authors");
                }
            }
            millis += 1;
            let mut hlc = Hlc::new(UnixMillis::new(millis), 0);
            if first & flag::CLOCK != 0 {
                let ahead = u64::from(u16::from_le_bytes([self.byte(), self.byte()]));
                hlc = Hlc::new(UnixMillis::new(NOON + (ahead >> 2)), u16::from((ahead & 3) as u8));
            }
            let of = &A::Event::KINDS[usize::from(self.byte()) % A::Event::KINDS.len()];
            let version = match first & (flag::LATER | flag::EARLIER) {
                flag::LATER => of.version + 1,
                flag::EARLIER => of.version.saturating_sub(1).max(1),
                _ => of.version,
            };
            let (name, min_reader) = (Name::new(of.name), of.min_reader.min(version));
            let name = name.expect("the name of an event");
            let event = EventRef { name, version, min_reader };
            let length = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
            let (payload, rest) = self.0.split_at(length.min(self.0.len()));
            self.0 = rest;
            let (payload, dot) = (payload.to_vec(), Dot { replica, seq: head + 1 });
            heads.insert(replica, dot.seq);
            events.push(FuzzEvent { event, payload, dot, hlc, context });
        }
        events
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
}

fn author(number: u8) -> ReplicaId {
    ReplicaId::from_bytes([number % AUTHORS + 1; ReplicaId::LEN])
}

/// Those of the last author first, as far as causes allow.
fn another_order(events: &[FuzzEvent]) -> Vec<usize> {
    let (mut order, mut held) = (Vec::new(), VectorClock::new());
    while order.len() < events.len() {
        let is_next = |index: &usize| {
            let event = &events[*index];
            event.dot.seq == held.get(&event.dot.replica) + 1
                && event.context.iter().all(|seen| held.contains(seen))
        };
        let next = (0..events.len()).filter(is_next);
        let next = next.max_by_key(|index| events[*index].dot.replica);
        let next = next.expect("contexts name what was written before");
        held.advance(events[next].dot).expect("few authors");
        order.push(next);
    }
    order
}

/// Folds the events in an order; the state's bytes, and what it shows.
fn fold<A: Aggregate>(
    registry: &Registry,
    events: &[FuzzEvent],
    order: &[usize],
    stores: bool,
) -> (Vec<u8>, String) {
    let kind = kind::<A>();
    let mut state = registry.fresh(&kind);
    for (nth, index) in order.iter().enumerate() {
        let event = &events[*index];
        let at = Stamp::new(event.dot, event.hlc, &event.context);
        let recorded = RecordedEvent::new(&event.event, &event.payload);
        if let Outcome::Panicked(reason) = state.fold(&at, recorded) {
            panic!("{reason} at {event:#?}");
        }
        if stores && nth % 3 == 0 {
            let bytes = state.bytes().expect("a state is stored");
            state = registry.read(&kind, &bytes).expect("what was stored is read");
        }
    }
    let bytes = state.bytes().expect("a state is stored");
    let again = registry.read(&kind, &bytes).expect("what was stored is read");
    assert_eq!(again.bytes().as_ref(), Ok(&bytes), "a state is stored as something else");
    (bytes.to_vec(), look::<A>(&*state))
}

/// Histories of an aggregate in the form that [`merge`] takes, and states that come of them.
///
/// # Panics
/// When no event of the type can be drawn.
pub fn merge_samples<A: Aggregate>() -> Vec<Vec<u8>> {
    const HISTORIES: u64 = 32;
    let (registry, pool) = (Registry::new().with::<A>(), Pool::of::<A>());
    let mut samples = Vec::new();
    for seed in 0..HISTORIES {
        let (mut steps, mut state) = (Vec::new(), registry.fresh(&kind::<A>()));
        for event in Script::draw(&pool, seed).play::<A>(&registry) {
            let (stamp, recorded) = (event.stamp(), event.recorded());
            state.fold(&stamp, recorded);
            let who = stamp.dot.replica.as_bytes()[0] - 1;
            steps.push(who | flag::CONTEXT);
            for other in (0..AUTHORS).map(author).filter(|other| *other != stamp.dot.replica) {
                steps.push(u8::try_from(stamp.context.get(&other)).expect("a short history"));
            }
            let name = recorded.event.name.as_str();
            let of = A::Event::KINDS.iter().position(|kind| kind.name == name);
            steps.push(u8::try_from(of.expect("a kind of the type")).expect("few kinds"));
            let length = u16::try_from(recorded.payload.len()).expect("a short payload");
            steps.extend_from_slice(&length.to_le_bytes());
            steps.extend_from_slice(recorded.payload);
        }
        samples.push(steps);
        let bytes = state.bytes().expect("a state is stored");
        samples.push([&[STATE], &bytes[..]].concat());
    }
    samples
}
