//! `#[merge(fields)]`: a struct in a field, merged field by field by the rules that it states.
//!
//! The state is that of each inner field. An operation is one of an inner field, so an event carries
//! what was done to the inner field and nothing of the others.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::rc::Rc;

use crate::id::{Dot, ReplicaId};
use crate::merge::rule::{Slot, Undone};
use crate::merge::{
    AnyField, AnyState, At, EntryRule, FieldsSeen, Handle, Law, MergeState, OpenConflicts, RestsOn,
    Root, Rooted, Rule, Undoing, shown,
};
use crate::wire::{self, Reader, Shape, Value, WireError, WireType, Writer};

/// A struct is merged field by field.
#[derive(Debug)]
#[non_exhaustive]
pub enum PerField {}

/// A struct with a rule for each field. Implemented by `#[derive(SyncMerge)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `fields`",
    label = "states no rules for its fields",
    note = "put #[derive(SyncMerge)] above the struct and #[merge(…)] on each of its fields"
)]
pub trait Merged: Clone + Debug + 'static {
    /// The fields and their rules, ascending by number.
    const FIELDS: &'static [&'static dyn AnyField];
    /// True if it may stand in an entry of a map: each rule can forget what the author of a removal had
    /// seen.
    #[doc(hidden)]
    const IN_ENTRIES: bool;
    /// An operation on one of them.
    type Op: Value;
    /// The handles of the fields.
    type Handles<'a, M>;

    #[doc(hidden)]
    fn handles<M>(root: Rooted<'_>) -> Self::Handles<'_, M>;

    /// The operation of a field as one of the struct.
    #[doc(hidden)]
    fn op(taken: &mut Taken<'_>) -> Option<Self::Op>;

    /// Hands the operation to the field that it changes.
    #[doc(hidden)]
    fn apply(op: Self::Op, fold: &mut Folds<'_>);

    /// Records what turns fresh fields into these.
    #[doc(hidden)]
    fn create(&self, creation: &Creation<'_>);

    #[doc(hidden)]
    fn from_fields(fields: &MergedState<Self>) -> Self;
}

/// 1 when a struct may stand in the entries of a map; an error of rustc when it may not.
#[doc(hidden)]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn fits_entries_of_fields<F: Merged>() -> usize
where
    PerField: Rule<F>,
{
    if !F::IN_ENTRIES {
        panic!(
            "this struct cannot stand in an entry of a map: a rule of your own merges one of its \
             fields, and a removal of the entry could not reset that field"
        );
    }
    1
}

/// An operation on its way from a handle into an event.
#[doc(hidden)]
pub struct Taken<'a> {
    field: usize,
    op: &'a mut dyn Any,
}

impl Debug for Taken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").field("field", &self.field).finish_non_exhaustive()
    }
}

impl<'a> Taken<'a> {
    pub(crate) fn new(field: usize, op: &'a mut dyn Any) -> Self {
        Self { field, op }
    }

    /// The field's place in the table.
    pub const fn field(&self) -> usize {
        self.field
    }

    /// The operation, once.
    pub fn op<F, R: Rule<F>>(&mut self) -> Option<R::Op> {
        self.op.downcast_mut::<Option<R::Op>>()?.take()
    }
}

/// Records what turns fresh fields into given values.
#[doc(hidden)]
pub struct Creation<'a> {
    root: &'a dyn Root,
}

impl Debug for Creation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Creation").finish_non_exhaustive()
    }
}

impl<'a> Creation<'a> {
    pub(crate) const fn of(root: &'a dyn Root) -> Self {
        Self { root }
    }

    /// Records what makes the field at that place of the table the value.
    pub fn field<F, R: Rule<F>>(&self, field: usize, value: &F) {
        R::create(value, &mut |op| self.root.record(field, &mut Some(op)));
    }
}

/// Takes the operation of an inner field, an `Option<R::Op>` that holds it.
#[doc(hidden)]
pub struct Folds<'a> {
    take: &'a mut dyn FnMut(usize, &mut dyn Any),
}

impl Debug for Folds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folds").finish_non_exhaustive()
    }
}

impl Folds<'_> {
    /// Takes an operation of the field at that place of the table.
    pub fn op<F, R: Rule<F>>(&mut self, field: usize, op: R::Op) {
        (self.take)(field, &mut Some(op));
    }
}

/// Shows the operation of the inner field, and the field.
fn inner<F: Merged>(op: F::Op, mut look: impl FnMut(usize, &'static dyn AnyField, &mut dyn Any)) {
    let take = &mut |place: usize, op: &mut dyn Any| {
        if let Some(field) = F::FIELDS.get(place) {
            look(place, *field, op);
        }
    };
    F::apply(op, &mut Folds { take });
}

/// The states of a struct's fields.
pub struct MergedState<F> {
    slots: Vec<Slot>,
    of: PhantomData<fn() -> F>,
}

impl<F: Merged> MergedState<F> {
    /// The value of the field at that place of the table.
    #[doc(hidden)]
    pub fn value<T, R: Rule<T>>(&self, field: usize) -> T {
        shown::<T, R>(self.slot(field))
    }

    fn slot(&self, field: usize) -> Option<&dyn AnyState> {
        self.slots.get(field)?.as_deref()
    }

    fn states(&self) -> impl Iterator<Item = (&'static dyn AnyField, &dyn AnyState)> {
        let each = F::FIELDS.iter().zip(&self.slots);
        each.filter_map(|(field, slot)| Some((*field, slot.as_deref()?)))
    }
}

impl<F: Merged> Default for MergedState<F> {
    fn default() -> Self {
        Self { slots: F::FIELDS.iter().map(|_| None).collect(), of: PhantomData }
    }
}

impl<F> Clone for MergedState<F> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), of: PhantomData }
    }
}

impl<F: Merged> Debug for MergedState<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.states().map(|(field, state)| (field.schema().name, state));
        f.debug_map().entries(named).finish()
    }
}

impl<F> PartialEq for MergedState<F> {
    fn eq(&self, other: &Self) -> bool {
        let equal = |(a, b): (&Slot, &Slot)| match (a, b) {
            (Some(a), Some(b)) => a.equals(&**b),
            (None, None) => true,
            _ => false,
        };
        self.slots.len() == other.slots.len() && self.slots.iter().zip(&other.slots).all(equal)
    }
}

impl<F: Merged> MergeState for MergedState<F> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if self.slots.iter().all(Option::is_none) {
            return;
        }
        out.tag(number, WireType::Len);
        out.enclosed(|out| {
            self.states().for_each(|(field, state)| state.write_any(field.schema().number, out));
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::default();
        if !input.take(number, WireType::Len)? {
            return Ok(state);
        }
        input.enclosed(|input| {
            for (field, slot) in F::FIELDS.iter().zip(&mut state.slots) {
                *slot = field.read(input)?;
            }
            Ok(())
        })?;
        if state.slots.iter().all(Option::is_none) {
            return Err(WireError::EmptyCollection { number });
        }
        Ok(state)
    }
}

impl<F: Merged> Rule<F> for PerField {
    const LAW: Law = Law::fields(F::FIELDS);
    const SHAPE: Shape = <F::Op as wire::Field>::SHAPE;
    type Op = F::Op;
    type State = MergedState<F>;

    fn fold(state: &mut MergedState<F>, op: F::Op, at: &At<'_>) {
        inner::<F>(op, |place, field, op| {
            if let Some(slot) = state.slots.get_mut(place) {
                field.fold(slot, op, at);
            }
        });
    }

    fn value(state: &MergedState<F>) -> F {
        F::from_fields(state)
    }

    fn conflicts(state: &MergedState<F>, open: &mut OpenConflicts<'_, '_>) {
        state.states().for_each(|(field, state)| field.conflicts_within(state, open));
    }

    fn create(value: &F, record: &mut dyn FnMut(F::Op)) {
        let recorder = Recorder::<F> { record: RefCell::new(record) };
        value.create(&Creation::of(&recorder));
    }

    fn commutes(op: &F::Op) -> bool {
        let mut commutes = true;
        inner::<F>(op.clone(), |_, field, op| commutes &= field.commutes(op));
        commutes
    }

    fn depends(state: &MergedState<F>, op: &F::Op) -> Option<Vec<Dot>> {
        let mut dots = Some(Vec::new());
        inner::<F>(op.clone(), |place, field, op| dots = field.depends(state.slot(place), op));
        dots
    }

    fn law_of(op: &F::Op) -> &'static Law {
        let mut law = &<Self as Rule<F>>::LAW;
        inner::<F>(op.clone(), |_, field, op| law = field.law_of(op));
        law
    }

    fn rests_on(state: &MergedState<F>) -> RestsOn {
        let mut events = Vec::new();
        for (field, state) in state.states() {
            match field.rests_on(state) {
                RestsOn::Events(of_field) | RestsOn::Heads(of_field) => events.extend(of_field),
                RestsOn::Changes | RestsOn::LastChange => return RestsOn::Changes,
            }
        }
        RestsOn::Events(events)
    }

    fn undo(
        op: &F::Op,
        by: &Undoing,
        before: &MergedState<F>,
        now: &MergedState<F>,
    ) -> Option<Vec<F::Op>> {
        let mut ops = Some(Vec::new());
        inner::<F>(op.clone(), |place, field, op| {
            let (before, now) = (before.slot(place), now.slot(place));
            let mut undoing = Vec::new();
            let record = &mut |mut op: Box<dyn Any>| {
                undoing.extend(F::op(&mut Taken::new(place, &mut *op)));
            };
            let undone = field.undo(Undone { op, by, before, now }, record);
            ops = undone.then_some(undoing);
        });
        ops
    }
}

impl<F: Merged> EntryRule<F> for PerField {
    type Seen = FieldsSeen;

    fn seen(state: &MergedState<F>) -> FieldsSeen {
        let part = |(field, state): (&'static dyn AnyField, _)| {
            Some((field.schema().number, (field.resets()?.seen)(state)))
        };
        FieldsSeen::of(state.states().filter_map(part))
    }

    fn reset(state: &mut MergedState<F>, seen: &FieldsSeen, at: &At<'_>) {
        for (field, slot) in F::FIELDS.iter().zip(&mut state.slots) {
            if let Some(resets) = field.resets() {
                (resets.reset)(slot, seen.part(field.schema().number), at);
            }
        }
    }

    fn reset_depends(state: &MergedState<F>) -> Option<Vec<Dot>> {
        let mut dots = Vec::new();
        for (field, state) in state.states() {
            dots.append(&mut (field.resets()?.depends)(state)?);
        }
        Some(dots)
    }

    fn affirms(op: &F::Op) -> bool {
        let mut affirms = false;
        inner::<F>(op.clone(), |_, field, op| {
            affirms = field.resets().is_some_and(|resets| (resets.affirms)(op));
        });
        affirms
    }
}

impl<'a, F: Merged, M> Handle<'a, F, PerField, M> {
    /// The fields of the struct in an entry of a map, whether the entry exists or not.
    pub fn fields(&self) -> F::Handles<'a, M> {
        let (root, field) = self.rooted();
        F::handles(root.within::<F>(field))
    }
}

/// The root behind a creation: operations of fields become those of the struct.
struct Recorder<'r, F: Merged> {
    record: RefCell<&'r mut dyn FnMut(F::Op)>,
}

impl<F: Merged> Root for Recorder<'_, F> {
    fn record(&self, field: usize, op: &mut dyn Any) {
        if let Some(op) = F::op(&mut Taken::new(field, op)) {
            (self.record.borrow_mut())(op);
        }
    }
}

/// A struct in a field, as the root behind the handles of its fields.
struct Within<'a, F> {
    root: Rooted<'a>,
    field: usize,
    of: PhantomData<fn() -> F>,
}

impl<'a> Rooted<'a> {
    /// The root behind the fields of the struct at that place.
    #[must_use]
    pub fn within<F: Merged>(&self, field: usize) -> Self {
        let within = Within::<'a, F> { root: self.clone(), field, of: PhantomData };
        Self::shared(Rc::new(within))
    }
}

impl<F: Merged> Root for Within<'_, F> {
    fn record(&self, inner: usize, op: &mut dyn Any) {
        if let Some(op) = F::op(&mut Taken::new(inner, op)) {
            self.root.root().record(self.field, &mut Some(op));
        }
    }

    fn read(&self, inner: usize, look: &mut dyn FnMut(Option<&dyn AnyState>)) {
        self.root.root().read(self.field, &mut |state| {
            let state = state.and_then(|state| (state as &dyn Any).downcast_ref());
            look(state.and_then(|state: &MergedState<F>| state.slot(inner)));
        });
    }

    fn author(&self) -> Option<ReplicaId> {
        self.root.root().author()
    }

    fn changes(&self) -> usize {
        self.root.root().changes()
    }

    fn next(&self) -> Option<Dot> {
        self.root.root().next()
    }
}
