//! The mergeable state of an aggregate, whatever its type.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{Aggregate, Fold, Life, OnDelete};
use crate::conflict::Conflicts;
use crate::event::DependsOn;
use crate::id::Dot;
use crate::merge::{AnyField, At, Rule, Slot, shown};
use crate::policy::Marking;
use crate::vector::Stamp;
use crate::wire::{Reader, WireError, Writer};

/// The mergeable state of an aggregate: for each field what its rule keeps.
///
/// Nothing in it is generic over the aggregate, so one copy of its code serves all of a program's.
/// Cloning is cheap: the copies share the state of all fields until one of them changes any, and that of each
/// field until one of them changes it.
#[derive(Clone)]
pub struct Fields {
    table: &'static [&'static dyn AnyField],
    slots: Arc<[Slot]>,
    on_delete: OnDelete,
    /// `None` while it says nothing.
    life: Option<Arc<Life>>,
}

impl Fields {
    /// The state of an aggregate of type `A` before its first event.
    pub fn of<A: Aggregate>() -> Self {
        Self::new(A::FIELDS, A::ON_DELETE)
    }

    pub(crate) fn new(table: &'static [&'static dyn AnyField], on_delete: OnDelete) -> Self {
        Self { table, slots: table.iter().map(|_| None).collect(), on_delete, life: None }
    }

    /// True when the aggregate is deleted: see [`OnDelete`] for what counts against that.
    pub fn is_deleted(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.is_over(self.on_delete))
    }

    /// True when the aggregate has never been deleted, so that an event need not tell its life.
    pub(super) fn is_first_life(&self) -> bool {
        self.life_number() == 0 && !self.is_deleted()
    }

    /// Counts the deletions that were followed by a creation.
    pub(crate) fn life_number(&self) -> u64 {
        self.life.as_ref().map_or(0, |life| life.number())
    }

    /// The life, as far as there is anything to say of it.
    pub(crate) fn life(&self) -> Option<&Life> {
        self.life.as_deref()
    }

    pub(crate) fn set_life(&mut self, life: Life) {
        self.life = (life != Life::default()).then(|| Arc::new(life));
    }

    pub(super) fn life_mut(&mut self) -> &mut Life {
        Arc::make_mut(self.life.get_or_insert_default())
    }

    /// True when events of the last life count.
    pub(super) fn takes_edits(&self) -> bool {
        self.on_delete == OnDelete::EditWins || !self.is_deleted()
    }

    /// Folds an event of the aggregate type that the state is of. Total: whatever the event and the
    /// order, there is a result. Returns false when the event changes nothing, because it is about an
    /// aggregate that is deleted.
    pub fn fold<A: Aggregate>(&mut self, event: A::Event, at: &Stamp<'_>) -> bool {
        self.fold_with(at, None, |fold| A::apply(event, fold))
    }

    /// The same of the operations that `apply` hands out, with a policy that chooses among writes.
    pub(crate) fn fold_with(
        &mut self,
        at: &Stamp<'_>,
        marking: Option<&Marking<'_>>,
        apply: impl FnOnce(&mut Fold<'_>),
    ) -> bool {
        let mut fold = Fold::of(self, at, marking);
        apply(&mut fold);
        fold.finish()
    }

    /// Collects the open conflicts, field by field; none while the aggregate is deleted.
    pub fn conflicts(&self, open: &mut Conflicts<'_>) {
        if self.is_deleted() {
            return;
        }
        for (field, slot) in self.table.iter().zip(self.slots.iter()) {
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

    /// True when the operation of the field at that place takes effect whatever its author had seen.
    pub(super) fn commutes(&self, field: usize, op: &dyn Any) -> bool {
        self.table.get(field).is_some_and(|field| field.commutes(op))
    }

    /// The events that an operation of the field at that place depends on; `None` for all.
    pub(super) fn depends(&self, field: usize, op: &dyn Any) -> Option<Vec<Dot>> {
        self.table.get(field)?.depends(self.slot(field).as_deref(), op)
    }

    /// The same events together with those that tell which life an event is about.
    pub(super) fn of_life(&self, on: Option<Vec<Dot>>) -> DependsOn {
        let begun = self.life.iter().flat_map(|life| life.begun());
        on.map_or(DependsOn::Everything, |on| DependsOn::Events(begun.chain(on).collect()))
    }

    /// True when an operation of a field may depend on all events of the aggregate, as those of rules
    /// outside this crate may.
    pub(crate) fn name_all(&self) -> bool {
        self.table.iter().any(|field| field.law().names_all())
    }

    /// The edits that a deletion takes away.
    pub(super) fn ended(&self) -> impl Iterator<Item = Dot> {
        self.life.iter().flat_map(|life| life.unseen())
    }

    /// True when the event is about the last life.
    pub(super) fn has(&self, at: &At<'_>) -> bool {
        self.life.as_ref().is_none_or(|life| life.has(at))
    }

    pub(super) const fn on_delete(&self) -> OnDelete {
        self.on_delete
    }

    /// Folds an operation; false when there is no such field.
    pub(super) fn fold_op(&mut self, field: usize, op: &mut dyn Any, at: &At<'_>) -> bool {
        let Self { table, slots, .. } = self;
        let Some(entry) = table.get(field) else { return false };
        let Some(slot) = Arc::make_mut(slots).get_mut(field) else {
            return false;
        };
        entry.fold(slot, op, at);
        true
    }

    /// Forgets what the fields hold.
    pub(super) fn clear(&mut self) {
        Arc::make_mut(&mut self.slots).fill(None);
    }

    /// Writes the state as the fields of a message.
    pub fn write(&self, out: &mut Writer) {
        for (field, slot) in self.table.iter().zip(self.slots.iter()) {
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
        for (field, slot) in self.table.iter().zip(Arc::make_mut(&mut self.slots)) {
            *slot = field.read(input)?;
        }
        Ok(())
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        if self.life != other.life {
            return false;
        }
        let equal = |(a, b): (&Slot, &Slot)| match (a, b) {
            (Some(a), Some(b)) => a.equals(&**b),
            (None, None) => true,
            _ => false,
        };
        self.slots.len() == other.slots.len()
            && self.slots.iter().zip(other.slots.iter()).all(equal)
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.table.iter().map(|field| field.schema().name).zip(self.slots.iter());
        let life = self.life.as_ref().map(|life| ("", life));
        f.debug_map().entries(life).entries(named).finish()
    }
}
