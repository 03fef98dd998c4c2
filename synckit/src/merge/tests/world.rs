//! Random histories of three replicas that write, and now and then see what another has seen.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// An aggregate with a field for each rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) title: Lww<String>,
    pub(super) visits: Counter<i64>,
    pub(super) severity: Max<u8>,
    pub(super) earliest: Min<Option<i16>>,
    pub(super) tags: AddWinsSet<BTreeSet<u8>>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Title(u8),
    Visits(i64),
    Severity(u8),
    Earliest(i16),
    Insert(u8),
    Remove(u8),
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) at: Moment,
    pub(super) change: Change,
}

impl State {
    pub(super) fn apply(&mut self, event: &Event, conflicts: &mut Conflicts<'_>) {
        let at = event.at.stamp();
        match &event.change {
            Change::Title(n) => self.title.set("title", &n.to_string(), &at, conflicts),
            Change::Visits(amount) => self.visits.add(amount),
            Change::Severity(value) => self.severity.raise(value),
            Change::Earliest(value) => self.earliest.lower(value),
            Change::Insert(tag) => self.tags.insert(tag, &at),
            Change::Remove(tag) => self.tags.remove(tag, &at),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.title.write_field(1, &mut out);
        self.visits.write_field(2, &mut out);
        self.severity.write_field(3, &mut out);
        self.earliest.write_field(4, &mut out);
        self.tags.write_field(5, &mut out);
        out.finish().unwrap()
    }

    pub(super) fn restore(bytes: &[u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes, Unknown::Refuse);
        let state = Self {
            title: MergeState::read_field(1, &mut input)?,
            visits: MergeState::read_field(2, &mut input)?,
            severity: MergeState::read_field(3, &mut input)?,
            earliest: MergeState::read_field(4, &mut input)?,
            tags: MergeState::read_field(5, &mut input)?,
        };
        input.finish()?;
        Ok(state)
    }
}

impl Change {
    /// Whether the event needs no context, because it takes effect independently of what its author
    /// had seen.
    const fn commutes(&self) -> bool {
        !matches!(self, Self::Title(_) | Self::Remove(_))
    }
}

impl Event {
    pub(super) fn saw(&self, other: &Self) -> bool {
        self.at.dot != other.at.dot && self.at.stamp().saw(other.at.dot)
    }
}

/// Events in the order in which they were made. Clocks are often equal and histories often apart.
pub(super) fn history() -> impl Strategy<Value = Vec<Event>> {
    let peer = prop_oneof![2 => Just(None), 1 => (0..3_usize).prop_map(Some)];
    let step = (0..3_usize, peer, prop_oneof![3 => Just(0), 1 => 1..4_u64], change());
    vec(step, 1..24).prop_map(|steps| {
        let mut seen = [const { VectorClock::new() }; 3];
        let mut clocks = [0; 3];
        let mut events = Vec::new();
        for (author, peer, late, change) in steps {
            if let Some(peer) = peer {
                let of_peer: Vec<_> = seen[peer].iter().collect();
                of_peer.iter().for_each(|dot| seen[author].advance(*dot).unwrap());
                clocks[author] = clocks[author].max(clocks[peer]);
            }
            let replica = ReplicaId::from_bytes([u8::try_from(author).unwrap(); 32]);
            let dot = Dot { replica, seq: seen[author].get(&replica) + 1 };
            let mut context = VectorClock::new();
            let others = seen[author].iter().filter(|dot| dot.replica != replica);
            others.filter(|_| !change.commutes()).for_each(|dot| context.advance(dot).unwrap());
            clocks[author] += 1 + late;
            seen[author].advance(dot).unwrap();
            let at = Moment { dot, hlc: Hlc::from_bits(clocks[author]), context };
            events.push(Event { at, change });
        }
        events
    })
}

fn change() -> impl Strategy<Value = Change> {
    let amount = prop_oneof![-3..4_i64, Just(i64::MAX), Just(i64::MIN)];
    prop_oneof![
        3 => (0..4_u8).prop_map(Change::Title),
        1 => amount.prop_map(Change::Visits),
        1 => any::<u8>().prop_map(Change::Severity),
        1 => any::<i16>().prop_map(Change::Earliest),
        3 => (0..3_u8).prop_map(Change::Insert),
        3 => (0..3_u8).prop_map(Change::Remove),
    ]
}

/// The events in another order that a log admits: each author's in theirs, and after what their
/// authors saw.
pub(super) fn delivered(history: &[Event], picks: &[Index]) -> Vec<Event> {
    let mut waiting: Vec<_> = history.to_vec();
    let mut seen = VectorClock::new();
    let mut log = Vec::new();
    for pick in picks.iter().cycle().take(history.len()) {
        let admitted = |event: &Event| {
            seen.get(&event.at.dot.replica) + 1 == event.at.dot.seq
                && event.at.context.iter().all(|dot| seen.contains(dot))
        };
        let ready: Vec<_> = (0..waiting.len()).filter(|at| admitted(&waiting[*at])).collect();
        let event = waiting.remove(ready[pick.index(ready.len())]);
        seen.advance(event.at.dot).unwrap();
        log.push(event);
    }
    log
}
