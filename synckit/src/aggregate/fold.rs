//! Folding of one event into the fields of its aggregate.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;

use super::{Aggregate, Fields, LifeNumber, Lower, OnDelete, Taken};
use crate::event::SyncEvent;
use crate::merge::{At, Root, Rule};
use crate::policy::Marking;
use crate::vector::Stamp;
use crate::wire::Writer;

/// Shows each operation of an event, an `Option<R::Op>` that holds it, and the place of its field.
pub(crate) fn operations<A: Aggregate>(event: A::Event, show: &mut dyn FnMut(usize, &mut dyn Any)) {
    A::apply(event, &mut Fold::showing(show));
}

/// The effect of an event on the life of its aggregate; `None` when it has none.
pub(crate) fn life_change<A: Aggregate>(event: A::Event) -> Option<LifeChange> {
    let mut change = None;
    A::apply(event, &mut Fold { into: FoldTarget::Life(&mut change) });
    change
}

/// The effect of an event on the life of its aggregate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LifeChange {
    /// The aggregate is deleted.
    Ends,
    /// A further life begins.
    Begins,
}

/// Folds the operations of one event.
#[doc(hidden)]
pub struct Fold<'f> {
    into: FoldTarget<'f>,
}

enum FoldTarget<'f> {
    State(EventFold<'f>),
    Eyes(&'f mut dyn FnMut(usize, &mut dyn Any)),
    Life(&'f mut Option<LifeChange>),
}

/// An event on its way into fields.
struct EventFold<'f> {
    fields: &'f mut Fields,
    at: &'f Stamp<'f>,
    marking: Option<&'f Marking<'f>>,
    index: u32,
    /// The event changes something.
    counts: bool,
    edits: bool,
}

impl<'f> EventFold<'f> {
    fn new(fields: &'f mut Fields, at: &'f Stamp<'f>, marking: Option<&'f Marking<'f>>) -> Self {
        let counts = fields.has(&At::new(*at, 0)) && fields.takes_edits();
        Self { fields, at, marking, index: 0, counts, edits: true }
    }

    fn finish(self) -> bool {
        if self.counts && self.edits && self.fields.on_delete() == OnDelete::EditWins {
            self.fields.life_mut().edit(&At::new(*self.at, 0));
        }
        self.counts
    }

    fn op(&mut self, field: usize, op: &mut dyn Any) {
        let at = At::new(*self.at, self.index).marked(self.marking, field);
        if self.counts && self.fields.fold_op(field, op, &at) {
            self.index = self.index.saturating_add(1);
        }
    }

    fn deleted(&mut self) {
        let at = At::new(*self.at, 0);
        self.edits = false;
        self.counts = self.fields.has(&at);
        if self.counts {
            self.fields.life_mut().delete(&at);
            if self.fields.on_delete() == OnDelete::DeleteWins {
                self.fields.clear();
            }
        }
    }

    fn created(&mut self, life: LifeNumber) {
        let life = life.unwrap_or(0);
        if life > 0 && life >= self.fields.life_number() {
            if self.fields.life_mut().begin(life, &At::new(*self.at, 0)) {
                self.fields.clear();
            }
            self.counts = self.fields.takes_edits();
        }
    }
}

impl fmt::Debug for Fold<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}

impl<'f> Fold<'f> {
    /// Folds into a state.
    pub(super) fn of(
        fields: &'f mut Fields,
        at: &'f Stamp<'f>,
        marking: Option<&'f Marking<'f>>,
    ) -> Self {
        Self { into: FoldTarget::State(EventFold::new(fields, at, marking)) }
    }

    /// Shows the operations.
    pub(super) fn showing(show: &'f mut dyn FnMut(usize, &mut dyn Any)) -> Self {
        Self { into: FoldTarget::Eyes(show) }
    }

    /// Ends the fold; false when the event changed nothing.
    pub(super) fn finish(self) -> bool {
        match self.into {
            FoldTarget::State(event) => event.finish(),
            FoldTarget::Eyes(_) | FoldTarget::Life(_) => false,
        }
    }

    /// Folds an operation of the field at that place of the table.
    pub fn op<F, R: Rule<F>>(&mut self, field: usize, op: R::Op) {
        self.op_any(field, &mut Some(op));
    }

    fn op_any(&mut self, field: usize, op: &mut dyn Any) {
        match &mut self.into {
            FoldTarget::State(event) => event.op(field, op),
            FoldTarget::Eyes(show) => show(field, op),
            FoldTarget::Life(_) => {}
        }
    }

    /// The event deletes the aggregate.
    pub fn deleted(&mut self) {
        match &mut self.into {
            FoldTarget::State(event) => event.deleted(),
            FoldTarget::Eyes(_) => {}
            FoldTarget::Life(change) => **change = Some(LifeChange::Ends),
        }
    }

    /// The event creates the aggregate and begins the life of that number, unless it is over by then.
    pub fn created(&mut self, life: LifeNumber) {
        match &mut self.into {
            FoldTarget::State(event) => event.created(life),
            FoldTarget::Eyes(_) => {}
            FoldTarget::Life(change) => **change = life.map(|_| LifeChange::Begins),
        }
    }

    /// Folds the operations that a domain event stands for.
    pub fn lower<A: Lower<E>, E: SyncEvent>(&mut self, event: &E) {
        let lowering = Lowering { fold: RefCell::new(self), apply: apply_carried::<A> };
        A::lower(event, &mut (A::OPS)(&lowering));
    }
}

/// Folds the operations of a lowering, each as if an event had carried it.
struct Lowering<'l, 'f> {
    fold: RefCell<&'l mut Fold<'f>>,
    apply: fn(Taken<'_>, &mut Fold<'_>),
}

impl Root for Lowering<'_, '_> {
    fn record(&self, field: usize, op: &mut dyn Any) {
        (self.apply)(Taken::new(field, op), &mut self.fold.borrow_mut());
    }
}

/// An operation that no event could carry, because it is nested too deep, changes nothing.
fn apply_carried<A: Aggregate>(mut taken: Taken<'_>, fold: &mut Fold<'_>) {
    if let Some(event) = A::event(&mut taken) {
        let mut payload = Writer::new();
        event.write_payload(&mut payload);
        if payload.finish().is_ok() {
            A::apply(event, fold);
        }
    }
}
