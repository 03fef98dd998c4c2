//! `#[merge(set)]`: an add-wins set.
//!
//! The observed-remove set of Shapiro, Preguiça, Baquero and Zawirski, "A Comprehensive Study of
//! Convergent and Commutative Replicated Data Types", 2011, without tombstones: an element is in
//! the set while some insertion of it is left that no removal's author had seen. Of one replica's
//! insertions of an element only the last is kept: whoever had seen it had seen the earlier ones.

use std::collections::BTreeSet;

use crate::id::Dot;
use crate::merge::elements::{AuthorIds, Elements};
use crate::merge::{At, EntryRule, Given, Handle, Law, MergeState, Reads, RestsOn, Rule, Undoing};
use crate::wire::{self, Reader, Shape, Value, WireError, Writer};

/// An insertion survives removals whose authors had not seen it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Set {}

/// An operation on a `set` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum SetOp<T> {
    /// Puts the element into the set.
    Inserted(T),
    /// Takes the element out of the set, as far as the author had seen it inserted.
    Removed(T),
}

impl<T: Clone> SetOp<T> {
    /// The operations that take it back, given what was in the set before, what is now, and what is
    /// there by the insertions alone that are taken back.
    pub(super) fn undo(
        &self,
        was_in: impl Fn(&T) -> bool,
        is_in: impl Fn(&T) -> bool,
        is_own: impl Fn(&T) -> bool,
    ) -> Vec<Self> {
        let undo = match self {
            Self::Inserted(element) if !was_in(element) && is_in(element) && is_own(element) => {
                Some(Self::Removed(element.clone()))
            }
            Self::Removed(element) if was_in(element) && !is_in(element) => {
                Some(Self::Inserted(element.clone()))
            }
            Self::Inserted(_) | Self::Removed(_) => None,
        };
        undo.into_iter().collect()
    }
}

/// Types that `#[merge(set)]` merges: `BTreeSet<T>` of values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `set`",
    label = "needs to be a `BTreeSet<T>` of ordered values",
    note = "write `BTreeSet<T>`; derive SyncValue and Ord for the elements"
)]
pub trait SetField: wire::Field {
    /// The elements.
    type Element: Value + Ord;

    /// The field's value.
    fn from_elements<'a>(elements: impl Iterator<Item = &'a Self::Element>) -> Self;

    /// The elements to insert when an aggregate is created with this field.
    fn elements(&self) -> impl Iterator<Item = &Self::Element>;
}

#[diagnostic::do_not_recommend]
impl<T: Value + Ord> SetField for BTreeSet<T> {
    type Element = T;

    fn from_elements<'a>(elements: impl Iterator<Item = &'a T>) -> Self {
        elements.cloned().collect()
    }

    fn elements(&self) -> impl Iterator<Item = &T> {
        self.iter()
    }
}

/// The insertions that hold, by element and inserting replica.
///
/// Elements that their type calls equal are kept apart by their bytes; the field shows one of them,
/// and a removal takes all.
#[derive(Clone, Debug, PartialEq)]
pub struct SetState<T: Ord> {
    insertions: Elements<T, AuthorIds>,
}

impl<T: Ord> Default for SetState<T> {
    fn default() -> Self {
        Self { insertions: Elements::default() }
    }
}

impl<T: Value + Ord> SetState<T> {
    fn insert(&mut self, element: T, at: &At<'_>) {
        self.insertions.change(element, |ids| {
            ids.insert(at);
            true
        });
    }

    fn remove(&mut self, element: &T, at: &At<'_>) {
        self.insertions.retain_equal(element, |ids| {
            ids.forget(at);
            !ids.is_empty()
        });
    }

    fn contains(&self, element: &T) -> bool {
        self.insertions.equal(element).next().is_some()
    }
}

impl<F: SetField> Rule<F> for Set {
    const LAW: Law = Law::new("set");
    const SHAPE: Shape = F::SHAPE;
    type Op = SetOp<F::Element>;
    type State = SetState<F::Element>;

    fn fold(state: &mut Self::State, op: Self::Op, at: &At<'_>) {
        match op {
            SetOp::Inserted(element) => state.insert(element, at),
            SetOp::Removed(element) => state.remove(&element, at),
        }
    }

    fn value(state: &Self::State) -> F {
        F::from_elements(state.insertions.iter().map(|(element, _)| element))
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        value.elements().for_each(|element| record(SetOp::Inserted(element.clone())));
    }

    fn commutes(op: &Self::Op) -> bool {
        matches!(op, SetOp::Inserted(_))
    }

    fn depends(state: &Self::State, op: &Self::Op) -> Option<Vec<Dot>> {
        Some(match op {
            SetOp::Inserted(_) => Vec::new(),
            SetOp::Removed(element) => {
                state.insertions.equal(element).flat_map(AuthorIds::dots).collect()
            }
        })
    }

    fn rests_on(state: &Self::State) -> RestsOn {
        RestsOn::Events(state.insertions.iter().flat_map(|(_, ids)| ids.dots()).collect())
    }

    fn undo(
        op: &Self::Op,
        by: &Undoing,
        before: &Self::State,
        now: &Self::State,
    ) -> Option<Vec<Self::Op>> {
        let is_own = |element: &_| {
            now.insertions.equal(element).flat_map(AuthorIds::dots).all(|dot| by.made(dot))
        };
        let is_in = |element: &_| now.contains(element);
        Some(op.undo(|element| before.contains(element), is_in, is_own))
    }
}

impl<F: SetField> EntryRule<F> for Set {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.insertions.retain(|_, ids| {
            ids.forget(at);
            !ids.is_empty()
        });
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        Some(state.insertions.iter().flat_map(|(_, ids)| ids.dots()).collect())
    }

    fn affirms(op: &Self::Op) -> bool {
        matches!(op, SetOp::Inserted(_))
    }
}

impl<T: Clone + Send + Sync + 'static, M> Handle<'_, BTreeSet<T>, Set, M> {
    /// Puts an element into the set. It stays there against concurrent removals.
    pub fn insert(&self, element: impl Given<T>) {
        self.put(SetOp::Inserted(element.given()));
    }

    /// Takes an element out of the set, as far as this replica has seen it inserted.
    pub fn remove(&self, element: impl Given<T>) {
        self.put(SetOp::Removed(element.given()));
    }
}

impl<T: Value + Ord> Handle<'_, BTreeSet<T>, Set, Reads> {
    /// True when the set holds the element, this edit's own changes included.
    pub fn contains(&self, element: impl Given<T>) -> bool {
        let element = element.given();
        self.inspect(|state| state.contains(&element))
    }
}

impl<T: Value + Ord> MergeState for SetState<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        self.insertions.write(number, out, |ids, out| ids.write(2, out));
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let insertions = Elements::read(number, input, |input| {
            let ids = AuthorIds::read(2, input)?;
            if ids.is_empty() { Err(WireError::Missing { number: 2 }) } else { Ok(ids) }
        })?;
        Ok(Self { insertions })
    }
}
