//! Random histories of three replicas that write, and now and then see what another has seen.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// An aggregate with a field for each rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) title: Heads<String>,
    visits: CounterState,
    severity: JoinState<u8>,
    earliest: JoinState<i16>,
    tags: SetState<u8>,
    labels: MapState<u8, Heads<String>>,
    held: MapState<u8, CounterState>,
    groups: MapState<u8, SetState<u8>>,
    peaks: MapState<u8, JoinState<u8>>,
    shelves: MapState<u8, MapState<u8, CounterState>>,
}

type Shelves = BTreeMap<u8, BTreeMap<u8, i64>>;

/// The values of the fields.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) title: String,
    pub(super) visits: i64,
    pub(super) severity: u8,
    pub(super) earliest: Option<i16>,
    pub(super) tags: BTreeSet<u8>,
    pub(super) labels: BTreeMap<u8, String>,
    pub(super) held: BTreeMap<u8, i64>,
    pub(super) groups: BTreeMap<u8, BTreeSet<u8>>,
    pub(super) peaks: BTreeMap<u8, u8>,
    pub(super) shelves: Shelves,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Title(u8),
    Visits(i64),
    Severity(u8),
    Earliest(i16),
    Insert(u8),
    Remove(u8),
    Label(u8, u8),
    Unlabel(u8),
    Hold(u8, i64),
    /// Carries what its author had seen, which is filled in when the history is made.
    Drop(u8, CounterSeen),
    Group(u8, u8),
    Leave(u8, u8),
    Disband(u8),
    Peak(u8, u8),
    Level(u8),
    Stock(u8, u8, i64),
    /// Carries what its author had seen.
    Unstock(u8, u8, CounterSeen),
    /// Carries what its author had seen.
    Clear(u8, MapSeen<CounterSeen>),
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Its context names what it depends on.
    pub(super) at: Moment,
    /// All that its author had seen, where its effect depends on that.
    past: VectorClock,
    pub(super) change: Change,
}

impl State {
    pub(super) fn apply(&mut self, event: &Event) {
        let at = event.at.stamp();
        let text = |n: &u8| n.to_string();
        let bare = |key: &u8| MapOp::Removed { key: *key, seen: () };
        match event.change.clone() {
            Change::Title(n) => {
                fold::<String, Lww>(&mut self.title, LwwOp::Set(text(&n)), at);
            }
            Change::Visits(n) => {
                fold::<i64, Counter>(&mut self.visits, CounterOp::Added(n), at);
            }
            Change::Severity(n) => {
                fold::<u8, Max>(&mut self.severity, MaxOp::Raised(n), at);
            }
            Change::Earliest(n) => {
                fold::<Option<i16>, Min>(&mut self.earliest, MinOp::Lowered(n), at);
            }
            Change::Insert(n) => {
                fold::<BTreeSet<u8>, Set>(&mut self.tags, SetOp::Inserted(n), at);
            }
            Change::Remove(n) => {
                fold::<BTreeSet<u8>, Set>(&mut self.tags, SetOp::Removed(n), at);
            }
            Change::Label(key, n) => {
                let op = MapOp::Entry { key, op: LwwOp::Set(text(&n)) };
                fold::<BTreeMap<u8, String>, Map<Lww>>(&mut self.labels, op, at);
            }
            Change::Unlabel(key) => {
                fold::<BTreeMap<u8, String>, Map<Lww>>(&mut self.labels, bare(&key), at);
            }
            Change::Hold(key, n) => {
                let op = MapOp::Entry { key, op: CounterOp::Added(n) };
                fold::<BTreeMap<u8, i64>, Map<Counter>>(&mut self.held, op, at);
            }
            Change::Drop(key, seen) => {
                let op = MapOp::Removed { key, seen };
                fold::<BTreeMap<u8, i64>, Map<Counter>>(&mut self.held, op, at);
            }
            Change::Group(key, n) => self.group(MapOp::Entry { key, op: SetOp::Inserted(n) }, at),
            Change::Leave(key, n) => self.group(MapOp::Entry { key, op: SetOp::Removed(n) }, at),
            Change::Disband(key) => self.group(MapOp::Removed { key, seen: () }, at),
            Change::Peak(key, n) => {
                let op = MapOp::Entry { key, op: MaxOp::Raised(n) };
                fold::<BTreeMap<u8, u8>, Map<Max>>(&mut self.peaks, op, at);
            }
            Change::Level(key) => {
                let op = MapOp::Removed { key, seen: () };
                fold::<BTreeMap<u8, u8>, Map<Max>>(&mut self.peaks, op, at);
            }
            Change::Stock(key, inner, n) => {
                let op = MapOp::Entry { key: inner, op: CounterOp::Added(n) };
                self.shelve(MapOp::Entry { key, op }, at);
            }
            Change::Unstock(key, inner, seen) => {
                let op = MapOp::Removed { key: inner, seen };
                self.shelve(MapOp::Entry { key, op }, at);
            }
            Change::Clear(key, seen) => self.shelve(MapOp::Removed { key, seen }, at),
        }
    }

    fn shelve(&mut self, op: <Map<Map<Counter>> as Rule<Shelves>>::Op, at: Stamp<'_>) {
        fold::<Shelves, Map<Map<Counter>>>(&mut self.shelves, op, at);
    }

    fn group(&mut self, op: MapOp<u8, SetOp<u8>>, at: Stamp<'_>) {
        fold::<BTreeMap<u8, BTreeSet<u8>>, Map<Set>>(&mut self.groups, op, at);
    }

    pub(super) fn shown(&self) -> Shown {
        Shown {
            title: <Lww as Rule<String>>::value(&self.title),
            visits: <Counter as Rule<i64>>::value(&self.visits),
            severity: <Max as Rule<u8>>::value(&self.severity),
            earliest: <Min as Rule<Option<i16>>>::value(&self.earliest),
            tags: <Set as Rule<BTreeSet<u8>>>::value(&self.tags),
            labels: <Map<Lww> as Rule<BTreeMap<u8, String>>>::value(&self.labels),
            held: <Map<Counter> as Rule<BTreeMap<u8, i64>>>::value(&self.held),
            groups: <Map<Set> as Rule<BTreeMap<u8, BTreeSet<u8>>>>::value(&self.groups),
            peaks: <Map<Max> as Rule<BTreeMap<u8, u8>>>::value(&self.peaks),
            shelves: <Map<Map<Counter>> as Rule<Shelves>>::value(&self.shelves),
        }
    }

    /// The events that a change depends on.
    fn depends(&self, change: &Change) -> Vec<Dot> {
        match change {
            Change::Title(_) => on::<String, Lww>(&self.title, LwwOp::Set(String::new())),
            Change::Remove(n) => on::<BTreeSet<u8>, Set>(&self.tags, SetOp::Removed(*n)),
            Change::Label(key, _) => {
                let op = MapOp::Entry { key: *key, op: LwwOp::Set(String::new()) };
                on::<BTreeMap<u8, String>, Map<Lww>>(&self.labels, op)
            }
            Change::Unlabel(key) => on::<BTreeMap<u8, String>, Map<Lww>>(
                &self.labels,
                MapOp::Removed { key: *key, seen: () },
            ),
            Change::Drop(key, seen) => {
                let op = MapOp::Removed { key: *key, seen: seen.clone() };
                on::<BTreeMap<u8, i64>, Map<Counter>>(&self.held, op)
            }
            Change::Leave(key, n) => {
                let op = MapOp::Entry { key: *key, op: SetOp::Removed(*n) };
                on::<BTreeMap<u8, BTreeSet<u8>>, Map<Set>>(&self.groups, op)
            }
            Change::Disband(key) => on::<BTreeMap<u8, BTreeSet<u8>>, Map<Set>>(
                &self.groups,
                MapOp::Removed { key: *key, seen: () },
            ),
            Change::Level(key) => on::<BTreeMap<u8, u8>, Map<Max>>(
                &self.peaks,
                MapOp::Removed { key: *key, seen: () },
            ),
            Change::Unstock(key, inner, seen) => {
                let op = MapOp::Removed { key: *inner, seen: seen.clone() };
                on::<Shelves, Map<Map<Counter>>>(&self.shelves, MapOp::Entry { key: *key, op })
            }
            Change::Clear(key, seen) => {
                let op = MapOp::Removed { key: *key, seen: seen.clone() };
                on::<Shelves, Map<Map<Counter>>>(&self.shelves, op)
            }
            _ => Vec::new(),
        }
    }

    /// Fills in what a removal carries: the sums that its author has seen.
    fn look(&self, change: &mut Change) {
        let sums = |state: Option<&CounterState>| {
            state.map(<Counter as EntryRule<i64>>::seen).unwrap_or_default()
        };
        match change {
            Change::Drop(key, seen) => *seen = sums(self.held.entry(key)),
            Change::Unstock(key, inner, seen) => {
                *seen = sums(self.shelves.entry(key).and_then(|shelf| shelf.entry(inner)));
            }
            Change::Clear(key, seen) => {
                let shelf = self.shelves.entry(key);
                *seen = shelf
                    .map(<Map<Counter> as EntryRule<BTreeMap<u8, i64>>>::seen)
                    .unwrap_or_default();
            }
            _ => {}
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.title.write_field(1, &mut out);
        self.visits.write_field(2, &mut out);
        self.severity.write_field(3, &mut out);
        self.earliest.write_field(4, &mut out);
        self.tags.write_field(5, &mut out);
        self.labels.write_field(6, &mut out);
        self.held.write_field(7, &mut out);
        self.groups.write_field(8, &mut out);
        self.peaks.write_field(9, &mut out);
        self.shelves.write_field(10, &mut out);
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
            labels: MergeState::read_field(6, &mut input)?,
            held: MergeState::read_field(7, &mut input)?,
            groups: MergeState::read_field(8, &mut input)?,
            peaks: MergeState::read_field(9, &mut input)?,
            shelves: MergeState::read_field(10, &mut input)?,
        };
        input.finish()?;
        Ok(state)
    }
}

fn fold<F, R: Rule<F>>(state: &mut R::State, op: R::Op, at: Stamp<'_>) {
    R::fold(state, op, &At::new(at, 0));
}

impl Change {
    /// True if the event needs no context, because it takes effect independently of what its author
    /// had seen.
    const fn commutes(&self) -> bool {
        matches!(
            self,
            Self::Visits(_)
                | Self::Severity(_)
                | Self::Earliest(_)
                | Self::Insert(_)
                | Self::Hold(..)
                | Self::Group(..)
                | Self::Peak(..)
                | Self::Stock(..)
        )
    }
}

impl Event {
    pub(super) fn saw(&self, other: &Self) -> bool {
        let at = Stamp { context: &self.past, ..self.at.stamp() };
        self.at.dot != other.at.dot && at.saw(other.at.dot)
    }
}

/// Events in the order in which they were made. Clocks are often equal and writes often concurrent.
pub(super) fn history() -> impl Strategy<Value = Vec<Event>> {
    let peer = prop_oneof![2 => Just(None), 1 => (0..3_usize).prop_map(Some)];
    let step = (0..3_usize, peer, prop_oneof![3 => Just(0), 1 => 1..4_u64], change());
    vec(step, 1..24).prop_map(|steps| {
        let mut seen = [const { VectorClock::new() }; 3];
        let mut clocks = [0; 3];
        let mut events: Vec<Event> = Vec::new();
        for (author, peer, late, mut change) in steps {
            if let Some(peer) = peer {
                let of_peer: Vec<_> = seen[peer].iter().collect();
                of_peer.iter().for_each(|dot| seen[author].advance(*dot).unwrap());
                clocks[author] = clocks[author].max(clocks[peer]);
            }
            let replica = ReplicaId::from_bytes([u8::try_from(author).unwrap(); 32]);
            let dot = Dot { replica, seq: seen[author].get(&replica) + 1 };
            let is_of_others = |dot: &Dot| dot.replica != replica && !change.commutes();
            let past = clock_of(seen[author].iter().filter(is_of_others));
            let named = state_of(&events, &seen[author]).depends(&change);
            let context = clock_of(named.into_iter().filter(is_of_others));
            clocks[author] += 1 + late;
            seen[author].advance(dot).unwrap();
            if matches!(change, Change::Drop(..) | Change::Unstock(..) | Change::Clear(..)) {
                state_of(&events, &seen[author]).look(&mut change);
            }
            let at = Moment { dot, hlc: Hlc::from_bits(clocks[author]), context };
            events.push(Event { at, past, change });
        }
        events
    })
}

fn clock_of(dots: impl Iterator<Item = Dot>) -> VectorClock {
    let mut clock = VectorClock::new();
    dots.for_each(|dot| clock.advance(dot).unwrap());
    clock
}

fn on<F, R: Rule<F>>(state: &R::State, op: R::Op) -> Vec<Dot> {
    R::depends(state, &op).unwrap()
}

/// The state of an author who has seen these of the events.
fn state_of(events: &[Event], seen: &VectorClock) -> State {
    let mut state = State::default();
    for event in events.iter().filter(|event| seen.contains(event.at.dot)) {
        state.apply(event);
    }
    state
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
        3 => (0..2_u8, 0..4_u8).prop_map(|(key, n)| Change::Label(key, n)),
        2 => (0..2_u8).prop_map(Change::Unlabel),
        4 => (0..2_u8, -3..9_i64).prop_map(|(key, n)| Change::Hold(key, n)),
        3 => (0..2_u8).prop_map(|key| Change::Drop(key, CounterSeen::default())),
        2 => (0..2_u8, 0..3_u8).prop_map(|(key, n)| Change::Group(key, n)),
        1 => (0..2_u8, 0..3_u8).prop_map(|(key, n)| Change::Leave(key, n)),
        2 => (0..2_u8).prop_map(Change::Disband),
        4 => (0..2_u8, 0..9_u8).prop_map(|(key, n)| Change::Peak(key, n)),
        2 => (0..2_u8).prop_map(Change::Level),
        5 => (0..2_u8, 0..2_u8, -3..9_i64).prop_map(|(key, inner, n)| Change::Stock(key, inner, n)),
        2 => (0..2_u8, 0..2_u8)
            .prop_map(|(key, inner)| Change::Unstock(key, inner, CounterSeen::default())),
        2 => (0..2_u8).prop_map(|key| Change::Clear(key, MapSeen::default())),
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
