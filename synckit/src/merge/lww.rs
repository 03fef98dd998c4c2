//! `#[merge(lww)]`: the last write wins.
//!
//! The register keeps its concurrent heads and shows the greatest in the total order of
//! operations. Because clocks agree with causality, a write beats what its author had seen. The other
//! heads are in conflict with it, unless they hold the same value.

use crate::id::Dot;
use crate::merge::{
    At, EntryRule, Given, Handle, Heads, Law, OpenConflicts, RestsOn, Rule, Undoing,
};
use crate::wire::{self, Shape};

/// The last write wins.
#[derive(Debug)]
#[non_exhaustive]
pub enum Lww {}

/// An operation on an `lww` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum LwwOp<T> {
    /// Writes the value.
    Set(T),
}

/// Types that `#[merge(lww)]` merges: fields with a default, which they hold until someone sets
/// them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `lww`",
    label = "needs a canonical encoding and a default",
    note = "derive SyncValue and Default for the type; use BTreeMap for HashMap, BTreeSet for HashSet"
)]
pub trait LwwField: wire::Field + Default {}

#[diagnostic::do_not_recommend]
impl<T: wire::Field + Default> LwwField for T {}

impl<F: LwwField> Rule<F> for Lww {
    const LAW: Law = Law::new("lww");
    const SHAPE: Shape = F::SHAPE;
    type Op = LwwOp<F>;
    type State = Heads<F>;

    fn fold(state: &mut Heads<F>, LwwOp::Set(value): LwwOp<F>, at: &At<'_>) {
        state.write(value, at);
    }

    fn value(state: &Heads<F>) -> F {
        state.last().map(|head| head.value.clone()).unwrap_or_default()
    }

    fn conflicts(state: &Heads<F>, open: &mut OpenConflicts<'_, '_>) {
        state.conflicts(state.last(), open);
    }

    fn create(value: &F, record: &mut dyn FnMut(LwwOp<F>)) {
        record(LwwOp::Set(value.clone()));
    }

    fn depends(state: &Heads<F>, _: &LwwOp<F>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn rests_on(state: &Heads<F>) -> RestsOn {
        RestsOn::heads(state.last())
    }

    fn undo(
        LwwOp::Set(value): &LwwOp<F>,
        by: &Undoing,
        before: &Heads<F>,
        now: &Heads<F>,
    ) -> Option<Vec<LwwOp<F>>> {
        let holds = now.last().filter(|head| by.made(head.id.dot));
        let left = holds.and_then(|_| now.without(value, by, before));
        Some(left.map(|left| LwwOp::Set(Self::value(&left))).into_iter().collect())
    }
}

impl<F: LwwField> EntryRule<F> for Lww {
    type Seen = ();

    fn seen(_: &Heads<F>) {}

    fn reset(state: &mut Heads<F>, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &Heads<F>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn affirms(_: &LwwOp<F>) -> bool {
        true
    }
}

// No bound of the rule: a field that it cannot merge is one error, and not one more at every use.
impl<F: Clone + 'static, M> Handle<'_, F, Lww, M> {
    /// Writes the field. Of concurrent writes the last one holds.
    pub fn set(&self, value: impl Given<F>) {
        self.put(LwwOp::Set(value.given()));
    }
}
