//! Edits: closures that read the state they build on and record operations.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Aggregate, Fields, LifeChange, life_change, operations};
use crate::clock::Hlc;
use crate::event::{self, DependsOn, EncodeError, EncodedEvent};
use crate::id::{Dot, ReplicaId};
use crate::merge::{AnyState, Creation, Root, Taken};
use crate::vector::{Stamp, VectorClock};

/// An edit of one aggregate: the handles of its fields, and [`Edit::emit`] for domain events.
///
/// Handles read the state that the edit builds on together with what it has recorded so far. All of
/// it becomes one commit: every replica applies it whole or not at all.
pub struct Edit<'a, A: Aggregate> {
    draft: &'a EditRoot<'a>,
    handles: A::Handles<'a>,
}

/// The events of an edit, and what its closure returned.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recorded<T> {
    /// The events, in the order in which they were recorded; an error when one of them is nested
    /// too deep to be encoded.
    pub events: Result<Vec<EncodedEvent>, EncodeError>,
    /// The closure's value.
    pub value: T,
}

/// Runs an edit on top of a state. Pure: nothing but the closure runs.
///
/// `at` is the stamp that the first event would have: its author, a number after all of the
/// author's that the state has, a clock reading after the state's, and as context all that has been
/// folded, for rules that do not say what an operation depends on. It decides what reads within the
/// edit show, and stands in no event.
///
/// # Errors
/// The closure's own; nothing is recorded then.
pub fn edit<A: Aggregate, T, E>(
    fields: &Fields,
    at: &Stamp<'_>,
    change: impl FnOnce(&mut Edit<'_, A>) -> Result<T, E>,
) -> Result<Recorded<T>, E> {
    let draft = EditRoot::new::<A>(fields, *at);
    let value = change(&mut Edit { draft: &draft, handles: (A::HANDLES)(&draft) })?;
    Ok(Recorded { events: draft.into_events(), value })
}

/// The events that an edit of a fresh aggregate records.
///
/// # Errors
/// When one of them is nested too deep to be encoded.
pub fn record<A: Aggregate>(
    change: impl FnOnce(&mut Edit<'_, A>),
) -> Result<Vec<EncodedEvent>, EncodeError> {
    let context = VectorClock::new();
    let dot = Dot { replica: ReplicaId::from_bytes([0; 32]), seq: 1 };
    let at = Stamp { dot, hlc: Hlc::ZERO, context: &context };
    let draft = EditRoot::new::<A>(&Fields::of::<A>(), at);
    change(&mut Edit { draft: &draft, handles: (A::HANDLES)(&draft) });
    draft.into_events()
}

impl<A: Aggregate> Edit<'_, A> {
    /// Records a domain event, or a field event made by hand.
    pub fn emit(&mut self, event: impl EventOf<A>) {
        self.draft.emit(event::encode(&event.into()));
    }

    /// The root behind the handles, and the place of the edit's first event.
    pub(crate) fn root(&self) -> (&dyn Root, Dot) {
        (self.draft, self.draft.at.dot)
    }

    /// Records what creates this aggregate, also after it was deleted. All its values count as
    /// written, also those that equal the default.
    pub fn create(&mut self, aggregate: &A) {
        self.begin();
        aggregate.create(&Creation::of(self.draft));
    }

    /// Records that the aggregate exists, with the defaults.
    pub(crate) fn begin(&mut self) {
        let ended = self.draft.fields(|fields| fields.is_deleted().then(|| fields.life_number()));
        self.emit(A::CREATED(ended.map(|life| life.saturating_add(1))));
    }

    /// Records that the aggregate is deleted, unless it is already. What of it nobody has seen yet is
    /// decided by its `on_delete`.
    pub fn delete(&mut self) {
        if !self.is_deleted() {
            self.emit(A::DELETED);
        }
    }

    /// Counts the deletions that were followed by a creation.
    pub(crate) fn life_number(&self) -> u64 {
        self.draft.fields(Fields::life_number)
    }

    /// True when the aggregate is deleted, this edit's own changes included.
    pub fn is_deleted(&self) -> bool {
        self.draft.fields(Fields::is_deleted)
    }
}

/// An event that an edit of `A` can record: one that is listed in `events(…)`, or one of a field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event of `{A}`",
    label = "not listed in `events(…)`",
    note = "list the type where the aggregate is declared: #[sync_aggregate(name = \"…\", events(Signed))]; one that \
            is listed in `retired(…)` is only read"
)]
pub trait EventOf<A: Aggregate>: Into<A::Event> {}

#[diagnostic::do_not_recommend]
impl<A: Aggregate, E: Into<A::Event>> EventOf<A> for E {}

impl<'a, A: Aggregate> Deref for Edit<'a, A> {
    type Target = A::Handles<'a>;

    fn deref(&self) -> &A::Handles<'a> {
        &self.handles
    }
}

/// For `it.visits += 1`.
impl<A: Aggregate> DerefMut for Edit<'_, A> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.handles
    }
}

impl<A: Aggregate> fmt::Debug for Edit<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit").field("recorded", &self.draft.changes()).finish_non_exhaustive()
    }
}

/// The root behind the handles of an edit. Not generic over the aggregate: two functions know it.
struct EditRoot<'a> {
    at: Stamp<'a>,
    work: RefCell<Work>,
    encode: fn(Taken<'_>) -> Option<Result<EncodedEvent, EncodeError>>,
    fold: fn(&EncodedEvent, &mut Fields, &Stamp<'_>),
    depending: fn(EncodedEvent, &Fields) -> EncodedEvent,
    /// The aggregate has never been deleted, so that an event need not tell its life.
    is_first_life: bool,
}

struct Work {
    events: Vec<EncodedEvent>,
    error: Option<EncodeError>,
    /// The state with the first `folded` events, which is brought up to date only for reading.
    fields: Fields,
    folded: usize,
}

impl<'a> EditRoot<'a> {
    fn new<A: Aggregate>(fields: &Fields, at: Stamp<'a>) -> Self {
        let is_first_life = fields.is_first_life();
        let fields = fields.clone();
        let work = RefCell::new(Work { events: Vec::new(), error: None, fields, folded: 0 });
        let (encode, fold, depending) = (encode::<A>, fold::<A>, depending::<A>);
        Self { at, work, encode, fold, depending, is_first_life }
    }

    fn emit(&self, event: Result<EncodedEvent, EncodeError>) {
        self.push(event.map(|event| {
            if self.is_first_life && event.depends_on == DependsOn::Nothing {
                return event;
            }
            self.fields(|fields| (self.depending)(event, fields))
        }));
    }

    fn depends_on(&self, field: usize, op: &dyn Any) -> DependsOn {
        let commutes = self.work.borrow().fields.commutes(field, op);
        if self.is_first_life && commutes {
            return DependsOn::Nothing;
        }
        self.fields(|fields| fields.of_life(fields.depends(field, op)))
    }

    /// The context of an event that is recorded.
    fn context(&self, depends_on: &DependsOn) -> VectorClock {
        let mut context = VectorClock::new();
        match depends_on {
            DependsOn::Nothing => {}
            DependsOn::Everything => context.clone_from(self.at.context),
            DependsOn::Events(on) => {
                let others = on.iter().filter(|dot| dot.replica != self.at.dot.replica);
                // A log has fewer branches than a clock has rows.
                others.for_each(|dot| drop(context.advance(*dot)));
            }
        }
        context
    }

    fn push(&self, event: Result<EncodedEvent, EncodeError>) {
        let mut work = self.work.borrow_mut();
        match event {
            Ok(event) => work.events.push(event),
            Err(error) => {
                work.error.get_or_insert(error);
            }
        }
    }

    /// Looks at the state with everything recorded so far.
    fn fields<T>(&self, look: impl FnOnce(&Fields) -> T) -> T {
        let mut work = self.work.borrow_mut();
        work.catch_up(self);
        look(&work.fields)
    }

    fn into_events(self) -> Result<Vec<EncodedEvent>, EncodeError> {
        let Work { events, error, .. } = self.work.into_inner();
        error.map_or(Ok(events), Err)
    }
}

impl Work {
    fn catch_up(&mut self, draft: &EditRoot<'_>) {
        for (event, place) in self.events.iter().zip(0..).skip(self.folded) {
            let seq = draft.at.dot.seq.saturating_add(place);
            let context = draft.context(&event.depends_on);
            let at = Stamp { dot: Dot { seq, ..draft.at.dot }, context: &context, ..draft.at };
            (draft.fold)(event, &mut self.fields, &at);
        }
        self.folded = self.events.len();
    }
}

impl Root for EditRoot<'_> {
    fn record(&self, field: usize, op: &mut dyn Any) {
        let depends_on = self.depends_on(field, op);
        if let Some(event) = (self.encode)(Taken::new(field, op)) {
            self.push(event.map(|event| EncodedEvent { depends_on, ..event }));
        }
    }

    fn read(&self, field: usize, look: &mut dyn FnMut(Option<&dyn AnyState>)) {
        // Whoever looks may read other fields, once the state is let go.
        let slot = self.fields(
            |fields| {
                if fields.is_deleted() { None } else { fields.slot(field).clone() }
            },
        );
        look(slot.as_deref());
    }

    fn author(&self) -> Option<ReplicaId> {
        Some(self.at.dot.replica)
    }

    fn changes(&self) -> usize {
        self.work.borrow().events.len()
    }

    fn next(&self) -> Option<Dot> {
        let recorded = self.work.borrow().events.len() as u64;
        Some(Dot { seq: self.at.dot.seq.saturating_add(recorded), ..self.at.dot })
    }
}

fn encode<A: Aggregate>(mut taken: Taken<'_>) -> Option<Result<EncodedEvent, EncodeError>> {
    A::event(&mut taken).map(|event| event::encode(&event))
}

fn fold<A: Aggregate>(event: &EncodedEvent, fields: &mut Fields, at: &Stamp<'_>) {
    if let Ok(event) = event::decode::<A::Event>(&event.event, &event.payload) {
        fields.fold::<A>(event, at);
    }
}

/// The event together with what it depends on where its author sees this state.
pub(crate) fn depending<A: Aggregate>(event: EncodedEvent, fields: &Fields) -> EncodedEvent {
    if fields.is_first_life() && event.depends_on == DependsOn::Nothing {
        return event;
    }
    let depends_on = fields.of_life(depends_on::<A>(&event, fields));
    EncodedEvent { depends_on, ..event }
}

/// The events that those of an edit depend on; `None` for all, also when the application's code panics on
/// it, which is told when the edit is tried.
fn depends_on<A: Aggregate>(event: &EncodedEvent, fields: &Fields) -> Option<Vec<Dot>> {
    let decode = || event::decode::<A::Event>(&event.event, &event.payload).ok();
    let mut dots = Some(Vec::new());
    let collect = AssertUnwindSafe(|| {
        operations::<A>(decode()?, &mut |field, op| match (&mut dots, fields.depends(field, op)) {
            (Some(dots), Some(mut more)) => dots.append(&mut more),
            _ => dots = None,
        });
        if life_change::<A>(decode()?) == Some(LifeChange::Ends) {
            dots.iter_mut().for_each(|dots| dots.extend(fields.ended()));
        }
        Some(())
    });
    catch_unwind(collect).ok().flatten()?;
    dots
}
