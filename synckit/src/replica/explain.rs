//! Explanations: which events a field's value rests on, and what became of the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Replica;
use super::history::{HistoryEvent, told};
use crate::aggregate::{Aggregate, Id, place_of};
use crate::clock::Hlc;
use crate::error::Error;
use crate::id::{AggregateId, Dot, Position};
use crate::log::Stamped;
use crate::merge::{AnyField, RestsOn};
use crate::registry::{EventOrigin, RecordedEvent, State, fold_or_park};
use crate::ruling::Standing;
use crate::vector::{Stamp, VectorClock};

/// Most events of one explanation: the last ones in the total order.
pub const EXPLAINED_EVENTS_MAX: usize = 1_024;

/// The course of events by which a field came to its value.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation<A: Aggregate> {
    /// The field.
    pub field: A::Field,
    /// Its merge rule, as in `#[merge(…)]`.
    pub rule: String,
    /// The events with an operation on the field, and those by which the aggregate was deleted and created
    /// again, ascending in the total order of events: at most
    /// [`EXPLAINED_EVENTS_MAX`], the last ones. Replicas that hold the same events tell the same.
    pub events: Vec<Explained<A>>,
    /// True when there are earlier ones.
    pub is_cut: bool,
}

/// An event that wrote a field, and what became of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explained<A: Aggregate> {
    /// The event.
    pub event: HistoryEvent<A>,
    /// Its part in the value.
    pub contribution: Contribution,
}

/// The part that an event has in a field's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Contribution {
    /// The value rests on it.
    Holds,
    /// An event took its place whose author had seen it.
    Replaced {
        /// That event.
        by: Dot,
    },
    /// By the field's rule another event's value holds, whose author had not seen this one.
    Beaten {
        /// That event.
        by: Dot,
    },
    /// The value does not rest on it: it took something away, or added nothing to what was there.
    Spent,
}

impl Replica {
    /// Explains the value of a field: the events that wrote it, the ones that it rests on, and of
    /// each other one the event that replaced or beat it.
    ///
    /// ```
    /// # use synckit::replica::Contribution;
    /// # use synckit::{Id, Replica, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "note")]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Note {
    /// #     #[merge(lww)]
    /// #     title: String,
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Note]).in_memory().await?;
    /// let note = replica.create(&Note { title: "Boiler".into() }).await?;
    /// replica.edit(&note, |it| it.title.set("Kettle")).await?;
    /// let title = replica.explain(&note, NoteField::Title).await?;
    /// let [created, renamed] = &title.events[..] else { panic!() };
    /// assert_eq!(created.contribution, Contribution::Replaced { by: renamed.event.dot });
    /// assert_eq!(renamed.contribution, Contribution::Holds);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the store fails, or the type is not registered.
    pub async fn explain<A: Aggregate>(
        &self,
        id: &Id<A>,
        field: A::Field,
    ) -> Result<Explanation<A>, Error> {
        let past = self.past(id).await?;
        let place = place_of::<A>(field);
        let fresh = self.registry.fresh(&past.aggregate.kind);
        let mut course = Course::new(place, field, (past.aggregate.clone(), fresh));
        let mut read = Position::START;
        while let Some(page) = past.page(read).await? {
            for log in &page.blocks {
                let standings = log.ruled_on(&past.rulings, read);
                let standings: BTreeMap<_, _> = standings.map(|(at, _, it)| (at, it)).collect();
                for (position, event) in log.stamped(&past.branches, &past.rulings, read) {
                    if event.entry.aggregate() == &past.aggregate && writes::<A>(&event, place) {
                        let standing = standings.get(&position).copied();
                        let standing = standing.unwrap_or(Standing::AsWritten);
                        let told = told(log, position, &event.entry, (event.dot, standing));
                        course.extend(told.map(|told| Step::new(&event, told)));
                    }
                }
            }
            read = page.through;
        }
        Ok(course.explain())
    }
}

/// True when an event has an operation on the field at that place, or begins or ends a life of the
/// aggregate, which the fields do not outlive.
fn writes<A: Aggregate>(event: &Stamped<'_>, place: usize) -> bool {
    let mut writes = RecordedEvent::of(&event.entry).life_change::<A>().is_some();
    let show = &mut |field: usize, _: &mut dyn std::any::Any| writes |= field == place;
    // One that this program parks is told by the history.
    let _ = RecordedEvent::of(&event.entry).operations::<A>(show);
    writes
}

/// An event that is still to be folded.
struct Step<A: Aggregate> {
    told: HistoryEvent<A>,
    context: Arc<VectorClock>,
    payload: bytes::Bytes,
    contribution: Contribution,
}

impl<A: Aggregate> Step<A> {
    fn new(event: &Stamped<'_>, told: HistoryEvent<A>) -> Self {
        let (context, payload) = (Arc::clone(&event.context), event.entry.payload());
        Self { told, context, payload, contribution: Contribution::Spent }
    }

    fn stamp(&self) -> Stamp<'_> {
        Stamp::new(self.told.dot, self.told.hlc, &self.context)
    }

    fn fold_into(&self, state: &mut Box<dyn State>, aggregate: &AggregateId) {
        let HistoryEvent { name, commit, metadata, .. } = &self.told;
        let origin = EventOrigin { aggregate, author: commit.author, metadata };
        let event = RecordedEvent::new(name, &self.payload).with_origin(origin);
        fold_or_park(state, &self.stamp(), event);
    }
}

/// The events that wrote a field, in their total order.
struct Course<A: Aggregate> {
    place: usize,
    field: A::Field,
    table: &'static dyn AnyField,
    aggregate: AggregateId,
    /// With the events before the first step.
    state: Box<dyn State>,
    steps: BTreeMap<(Hlc, Dot), Step<A>>,
    is_cut: bool,
}

impl<A: Aggregate> Course<A> {
    fn new(
        place: usize,
        field: A::Field,
        (aggregate, state): (AggregateId, Box<dyn State>),
    ) -> Self {
        let table = A::FIELDS[place];
        Self { place, field, table, aggregate, state, steps: BTreeMap::new(), is_cut: false }
    }

    fn extend(&mut self, steps: impl IntoIterator<Item = Step<A>>) {
        for step in steps {
            self.steps.insert(step.stamp().order(), step);
        }
        while self.steps.len() > EXPLAINED_EVENTS_MAX
            && let Some((_, step)) = self.steps.pop_first()
        {
            step.fold_into(&mut self.state, &self.aggregate);
            self.is_cut = true;
        }
    }

    fn explain(mut self) -> Explanation<A> {
        let mut told = Told { steps: Vec::new(), holds: Vec::new() };
        for (_, step) in std::mem::take(&mut self.steps) {
            let (now, is_beaten) = self.fold(&step, &told.holds);
            told.then(step, now, is_beaten);
        }
        let explained =
            |step: Step<A>| Explained { event: step.told, contribution: step.contribution };
        let events = told.steps.into_iter().map(explained).collect();
        let (field, rule) = (self.field, self.table.law().to_string());
        Explanation { field, rule, events, is_cut: self.is_cut }
    }

    /// Folds a step, before which the value rested on `held`. The events that it rests on then, and
    /// true if those keep others from holding.
    fn fold(&mut self, step: &Step<A>, held: &[Dot]) -> (Vec<Dot>, bool) {
        let before = self.state.fields().slot(self.place).clone();
        step.fold_into(&mut self.state, &self.aggregate);
        let after = self.state.fields().slot(self.place);
        let is_same = match (&before, after) {
            (Some(before), Some(after)) => before.equals(&**after),
            (before, after) => before.is_none() && after.is_none(),
        };
        let dot = step.told.dot;
        match after.as_ref().map(|state| self.table.rests_on(&**state)) {
            // As if nothing had ever been written.
            None => (Vec::new(), false),
            Some(RestsOn::Heads(now)) => (now, true),
            Some(RestsOn::Events(now)) => (now, is_same),
            Some(RestsOn::Changes | RestsOn::LastChange) if is_same => (held.to_vec(), true),
            Some(RestsOn::LastChange) => (vec![dot], true),
            Some(RestsOn::Changes) => (held.iter().copied().chain([dot]).collect(), false),
        }
    }
}

/// The steps so far, and the events that the value rests on after them.
struct Told<A: Aggregate> {
    steps: Vec<Step<A>>,
    holds: Vec<Dot>,
}

impl<A: Aggregate> Told<A> {
    /// Adds a step after which the value rests on `now`.
    fn then(&mut self, mut step: Step<A>, now: Vec<Dot>, is_beaten: bool) {
        let by = step.told.dot;
        let lost = |earlier: &&mut Step<A>| {
            earlier.contribution == Contribution::Holds && !now.contains(&earlier.told.dot)
        };
        for lost in self.steps.iter_mut().filter(lost) {
            let saw = step.stamp().saw(lost.told.dot);
            lost.contribution =
                if saw { Contribution::Replaced { by } } else { Contribution::Beaten { by } };
        }
        let held = self.steps.iter().rev().find(|earlier| now.contains(&earlier.told.dot));
        step.contribution = match held {
            _ if now.contains(&by) => Contribution::Holds,
            Some(held) if is_beaten => Contribution::Beaten { by: held.told.dot },
            _ => Contribution::Spent,
        };
        self.holds = now;
        self.steps.push(step);
    }
}
