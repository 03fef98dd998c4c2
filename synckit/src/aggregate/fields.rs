//! The mergeable state of an aggregate, whatever its type.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;

use super::{Aggregate, Lower, Taken};
use crate::conflict::Conflicts;
use crate::event::SyncEvent;
use crate::merge::{AnyField, At, Root, Rule, Slot, shown};
use crate::vector::Stamp;
use crate::wire::{Reader, WireError, Writer};

/// The mergeable state of an aggregate: for each field what its rule keeps.
///
/// Nothing in it is generic over the aggregate, so one copy of its code serves all of a program's.
/// Cloning is cheap: the copies share the state of each field until one of them changes it.
#[derive(Clone)]
pub struct Fields {
    table: &'static [&'static dyn AnyField],
    slots: Vec<Slot>,
}

impl Fields {
    /// The state of an aggregate of type `A` before its first event.
    pub fn of<A: Aggregate>() -> Self {
        Self::new(A::FIELDS)
    }

    pub(crate) fn new(table: &'static [&'static dyn AnyField]) -> Self {
        Self { table, slots: table.iter().map(|_| None).collect() }
    }

    /// Folds an event of the aggregate type that the state is of. Total: whatever the event and the
    /// order, there is a result.
    pub fn fold<A: Aggregate>(&mut self, event: A::Event, at: &Stamp<'_>) {
        self.fold_with(at, |fold| A::apply(event, fold));
    }

    pub(crate) fn fold_with(&mut self, at: &Stamp<'_>, apply: impl FnOnce(&mut Fold<'_>)) {
        apply(&mut Fold { into: FoldTarget::State { fields: self, at, index: 0 } });
    }

    /// Collects the open conflicts, field by field.
    pub fn conflicts(&self, open: &mut Conflicts<'_>) {
        for (field, slot) in self.table.iter().zip(&self.slots) {
            if let Some(state) = slot {
                field.conflicts(&**state, open);
            }
        }
    }

    /// The value that the state shows.
    pub fn show<A: Aggregate>(&self) -> A {
        A::from_fields(self)
    }

    /// The value of the field at that place of the table.
    #[doc(hidden)]
    pub fn value<F, R: Rule<F>>(&self, field: usize) -> F {
        shown::<F, R>(self.slot(field).as_deref())
    }

    pub(crate) fn slot(&self, field: usize) -> &Slot {
        self.slots.get(field).unwrap_or(&None)
    }

    /// Writes the state as the fields of a message.
    pub fn write(&self, out: &mut Writer) {
        for (field, slot) in self.table.iter().zip(&self.slots) {
            if let Some(state) = slot {
                state.write_any(field.schema().number, out);
            }
        }
    }

    /// Replaces the state by what [`Fields::write`] wrote of one with the same fields.
    ///
    /// # Errors
    /// When the bytes are not what a state writes.
    pub fn read(&mut self, input: &mut Reader<'_>) -> Result<(), WireError> {
        for (field, slot) in self.table.iter().zip(&mut self.slots) {
            *slot = field.read(input)?;
        }
        Ok(())
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        let equal = |(a, b): (&Slot, &Slot)| match (a, b) {
            (Some(a), Some(b)) => a.equals(&**b),
            (None, None) => true,
            _ => false,
        };
        self.slots.len() == other.slots.len() && self.slots.iter().zip(&other.slots).all(equal)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.table.iter().map(|field| field.schema().name).zip(&self.slots);
        f.debug_map().entries(named).finish()
    }
}

/// Shows each operation of an event, an `Option<R::Op>` that holds it, and the place of its field.
pub(crate) fn operations<A: Aggregate>(event: A::Event, show: &mut dyn FnMut(usize, &mut dyn Any)) {
    A::apply(event, &mut Fold { into: FoldTarget::Eyes(show) });
}

/// Folds the operations of one event.
#[doc(hidden)]
pub struct Fold<'f> {
    into: FoldTarget<'f>,
}

enum FoldTarget<'f> {
    State { fields: &'f mut Fields, at: &'f Stamp<'f>, index: u32 },
    Eyes(&'f mut dyn FnMut(usize, &mut dyn Any)),
}

impl fmt::Debug for Fold<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}

impl Fold<'_> {
    /// Folds an operation of the field at that place of the table.
    pub fn op<F, R: Rule<F>>(&mut self, field: usize, op: R::Op) {
        self.op_any(field, &mut Some(op));
    }

    fn op_any(&mut self, field: usize, op: &mut dyn Any) {
        match &mut self.into {
            FoldTarget::Eyes(show) => show(field, op),
            FoldTarget::State { fields, at, index } => {
                let Fields { table, slots } = &mut **fields;
                if let (Some(entry), Some(slot)) = (table.get(field), slots.get_mut(field)) {
                    entry.fold(slot, op, &At::new(**at, *index));
                    *index = index.saturating_add(1);
                }
            }
        }
    }

    /// Folds the operations that a domain event stands for.
    pub fn lower<A: Lower<E>, E: SyncEvent>(&mut self, event: &E) {
        let lowering = Lowering { fold: RefCell::new(self), apply: apply_carried::<A> };
        A::lower(event, &mut A::ops(&lowering));
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
