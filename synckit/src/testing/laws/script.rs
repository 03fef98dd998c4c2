//! Scripts: what a few people do to one aggregate, and which of the others' events they had seen.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::super::Dice;
use crate::aggregate::{self, Aggregate};
use crate::clock::Hlc;
use crate::event::{self, DependsOn, EncodedEvent, EventRef, SyncEvent};
use crate::id::{Dot, Name, ReplicaId};
use crate::registry::{RecordedEvent, Registry, State};
use crate::schema::samples::payload as drawn_payload;
use crate::vector::{Stamp, VectorClock};

const PEOPLE: [&str; 5] = ["ann", "bob", "cleo", "dan", "eve"];
/// Payloads of each kind of event: few, so that people often write the same.
const PAYLOADS: usize = 5;
const PAYLOAD_TRIES: u64 = 256;
const STEPS_MAX: usize = 24;

/// Events that people can make.
pub(in crate::testing) struct Pool(Vec<EncodedEvent>);

impl Pool {
    pub(in crate::testing) fn of<A: Aggregate>() -> Self {
        let [created, deleted] = of_life::<A>().map(|event| event.event.name);
        let mut events = Vec::new();
        for kind in A::Event::KINDS {
            let Ok(name) = Name::new(kind.name) else { continue };
            if name == created || name == deleted {
                continue;
            }
            let (version, min_reader) = (kind.version, kind.min_reader);
            let event = EventRef { name, version, min_reader };
            let drawn = (0..PAYLOAD_TRIES).filter_map(|seed| drawn_payload(kind.fields, seed));
            let distinct = drawn.collect::<BTreeSet<_>>().into_iter();
            let can_read = |payload: &Vec<u8>| event::decode::<A::Event>(&event, payload).is_ok();
            let depends_on = if kind.commutes { DependsOn::Nothing } else { DependsOn::Everything };
            let made = distinct.filter(can_read).take(PAYLOADS).map(|payload| EncodedEvent {
                event: event.clone(),
                depends_on: depends_on.clone(),
                payload: payload.into(),
            });
            events.extend(made);
        }
        assert!(!events.is_empty(), "no event of `{}` can be drawn", A::NAME);
        Self(events)
    }
}

fn of_life<A: Aggregate>() -> [EncodedEvent; 2] {
    [A::CREATED(None), A::DELETED].map(|event| event::encode(&event).unwrap())
}

/// Steps in the order in which they are made.
#[derive(Clone, Debug)]
pub(in crate::testing) struct Script {
    people: usize,
    steps: Vec<ScriptStep>,
}

#[derive(Clone, Debug)]
struct ScriptStep {
    who: usize,
    /// The one whose events the person has seen by then.
    after: Option<usize>,
    /// An event; `None` deletes the aggregate. Who sees it deleted creates it again.
    event: Option<EncodedEvent>,
}

/// An event, and all that its author had seen.
#[derive(Clone, Debug)]
pub(in crate::testing) struct ScriptEvent {
    event: EncodedEvent,
    dot: Dot,
    hlc: Hlc,
    context: VectorClock,
    pub(super) seen: BTreeSet<usize>,
    who: usize,
}

impl ScriptEvent {
    pub(in crate::testing) fn stamp(&self) -> Stamp<'_> {
        Stamp::new(self.dot, self.hlc, &self.context)
    }

    pub(in crate::testing) fn recorded(&self) -> RecordedEvent<'_> {
        RecordedEvent::new(&self.event.event, &self.event.payload)
    }
}

/// `ann's 2nd`, as `ann 2`.
impl fmt::Display for ScriptEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", PEOPLE[self.who], self.dot.seq)
    }
}

impl Script {
    pub(in crate::testing) fn draw(pool: &Pool, seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let people = 2 + dice.below(PEOPLE.len() - 1);
        let deletes = dice.one_in(2);
        // Few kinds at a time meet each other more often.
        let few: Vec<_> = (0..6).map(|_| dice.one(&pool.0).clone()).collect();
        let events = if dice.one_in(2) { &few } else { &pool.0 };
        let step = |dice: &mut Dice| {
            let who = dice.below(people);
            let other = (who + 1 + dice.below(people - 1)) % people;
            let after = dice.one_in(3).then_some(other);
            let is_deletion = deletes && dice.one_in(6);
            let event = (!is_deletion).then(|| dice.one(events).clone());
            ScriptStep { who, after, event }
        };
        let count = 2 + dice.below(STEPS_MAX - 1);
        Self { people, steps: (0..count).map(|_| step(dice)).collect() }
    }

    /// The shortest script found on which `check` still finds something.
    pub(super) fn shrunk<T>(self, found: T, check: impl Fn(&Self) -> Option<T>) -> (Self, T) {
        let (mut shortest, mut found) = (self, found);
        loop {
            let shorter = shortest.shorter();
            let next = shorter.into_iter().find_map(|script| Some((check(&script)?, script)));
            let Some((still, script)) = next else { return (shortest, found) };
            (shortest, found) = (script, still);
        }
    }

    fn shorter(&self) -> Vec<Self> {
        let without = |at: usize| {
            let mut script = self.clone();
            script.steps.remove(at);
            script
        };
        let unseen = |at: usize| {
            let mut script = self.clone();
            script.steps[at].after = None;
            script
        };
        let seeing = (0..self.steps.len()).filter(|at| self.steps[*at].after.is_some());
        (0..self.steps.len()).map(without).chain(seeing.map(unseen)).collect()
    }

    /// The events.
    pub(in crate::testing) fn play<A: Aggregate>(&self, registry: &Registry) -> Vec<ScriptEvent> {
        let kind = Name::new(A::NAME).unwrap();
        let mut made: Vec<ScriptEvent> = Vec::new();
        let mut desks: Vec<_> = (0..self.people)
            .map(|_| (BTreeSet::new(), registry.fresh(&kind)))
            .collect::<Vec<(BTreeSet<usize>, Box<dyn State>)>>();
        for step in &self.steps {
            if let Some(peer) = step.after {
                let theirs = desks[peer].0.clone();
                let (seen, state) = &mut desks[step.who];
                for event in theirs.into_iter().filter(|event| seen.insert(*event)) {
                    state.fold(&made[event].stamp(), made[event].recorded());
                }
            }
            let (seen, state) = &mut desks[step.who];
            let (life, is_deleted) = {
                let fields = state.fields();
                (fields.life_number(), fields.is_deleted())
            };
            let event = match &step.event {
                _ if is_deleted => event::encode(&A::CREATED(Some(life + 1))).unwrap(),
                Some(event) => event.clone(),
                None => event::encode(&A::DELETED).unwrap(),
            };
            let replica = ReplicaId::from_bytes([u8::try_from(step.who).unwrap() + 1; 32]);
            let own = seen.iter().filter(|event| made[**event].who == step.who).count();
            let next = state.next(Dot { replica, seq: own as u64 + 1 });
            let (dot, hlc) = (next.dot, next.hlc);
            let event = aggregate::depending::<A>(event, state.fields());
            let context = state.context(&replica, &event.depends_on);
            let event = ScriptEvent { event, dot, hlc, context, seen: seen.clone(), who: step.who };
            state.fold(&event.stamp(), event.recorded());
            seen.insert(made.len());
            made.push(event);
        }
        made
    }

    /// The script for people to read.
    pub(super) fn history<A: Aggregate>(&self) -> String {
        let registry = Registry::new().with::<A>();
        let mut text = String::new();
        for made in self.play::<A>(&registry) {
            let event = made.recorded().decode::<A>();
            let event = event.map_or_else(|error| error.to_string(), |event| format!("{event:?}"));
            let _ = write!(text, "  {made}: {event}");
            let others: Vec<_> = made.context.iter().collect();
            let seen = others.iter().map(|dot| {
                let who = usize::from(dot.replica.as_bytes()[0]) - 1;
                format!("{} {}", PEOPLE[who], dot.seq)
            });
            let seen: Vec<_> = seen.collect();
            let seen = if seen.is_empty() {
                String::new()
            } else {
                format!(", having seen {}", seen.join(", "))
            };
            let _ = writeln!(text, "{seen}");
        }
        text
    }
}
