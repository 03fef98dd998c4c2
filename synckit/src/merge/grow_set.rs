//! `#[merge(grow_set)]`: a set that only grows.
//!
//! The grow-only set of Shapiro, Preguiça, Baquero and Zawirski, "A Comprehensive Study of Convergent
//! and Commutative Replicated Data Types", 2011. A field needs the elements alone. In the entry of a
//! map, which a removal resets, each element has each author's last insertion.

use std::collections::BTreeSet;

use crate::id::Dot;
use crate::merge::elements::{AuthorIds, Elements};
use crate::merge::{At, EntryRule, Given, Handle, Law, MergeState, Reads, Rule, SetField};
use crate::wire::{Reader, Shape, Value, WireError, Writer};

/// Elements are put in and never taken out.
#[derive(Debug)]
#[non_exhaustive]
pub enum GrowSet {}

/// An operation on a `grow_set` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum GrowSetOp<T> {
    /// Puts the element into the set.
    Inserted(T),
}

/// The elements; in an entry, each with the insertions that no removal has taken.
#[derive(Clone, Debug, PartialEq)]
pub struct GrowSetState<T: Ord> {
    elements: Elements<T, AuthorIds>,
}

impl<T: Ord> Default for GrowSetState<T> {
    fn default() -> Self {
        Self { elements: Elements::default() }
    }
}

impl<F: SetField> Rule<F> for GrowSet {
    const LAW: Law = Law::new("grow_set");
    const SHAPE: Shape = F::SHAPE;
    type Op = GrowSetOp<F::Element>;
    type State = GrowSetState<F::Element>;

    fn fold(state: &mut Self::State, GrowSetOp::Inserted(element): Self::Op, at: &At<'_>) {
        state.elements.change(element, |ids| {
            if at.is_in_entry() {
                ids.insert(at);
            }
            true
        });
    }

    fn value(state: &Self::State) -> F {
        F::from_elements(state.elements.iter().map(|(element, _)| element))
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        value.elements().for_each(|element| record(GrowSetOp::Inserted(element.clone())));
    }

    fn commutes(_: &Self::Op) -> bool {
        true
    }

    fn depends(_: &Self::State, _: &Self::Op) -> Option<Vec<Dot>> {
        Some(Vec::new())
    }
}

impl<F: SetField> EntryRule<F> for GrowSet {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.elements.retain(|_, ids| {
            ids.forget(at);
            !ids.is_empty()
        });
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        Some(state.elements.iter().flat_map(|(_, ids)| ids.dots()).collect())
    }

    fn affirms(_: &Self::Op) -> bool {
        true
    }
}

impl<T: Clone + Send + Sync + 'static, M> Handle<'_, BTreeSet<T>, GrowSet, M> {
    /// Puts an element into the set, for good.
    pub fn insert(&self, element: impl Given<T>) {
        self.put(GrowSetOp::Inserted(element.given()));
    }
}

impl<T: Value + Ord> Handle<'_, BTreeSet<T>, GrowSet, Reads> {
    /// True when the set holds the element, this edit's own changes included.
    pub fn contains(&self, element: impl Given<T>) -> bool {
        let element = element.given();
        self.inspect(|state| state.elements.equal(&element).next().is_some())
    }
}

impl<T: Value + Ord> MergeState for GrowSetState<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        self.elements.write(number, out, |ids, out| ids.write(2, out));
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { elements: Elements::read(number, input, |input| AuthorIds::read(2, input))? })
    }
}
