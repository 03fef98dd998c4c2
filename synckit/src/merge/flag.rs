//! `#[merge(flag)]`: a flag that is on when someone concurrently turned it on.
//!
//! The enable-wins flag (Shapiro, Preguiça, Baquero and Zawirski, "A Comprehensive Study of
//! Convergent and Commutative Replicated Data Types", 2011, as an observed-remove set of one element).
//! The state is the writes that no other write's author had seen; the flag is on when one of them
//! turned it on.

use crate::id::Dot;
use crate::merge::{At, EntryRule, Handle, Heads, Law, OpenConflicts, RestsOn, Rule, Undoing};
use crate::wire::{self, Shape};

/// Of concurrent writes, one that turns the flag on wins.
#[derive(Debug)]
#[non_exhaustive]
pub enum Flag {}

/// An operation on a `flag` field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum FlagOp {
    /// Turns the flag on or off.
    Set(bool),
}

/// Types that `#[merge(flag)]` merges: `bool`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `flag`",
    label = "a flag is a `bool`",
    note = "write `bool`, or `#[merge(lww)]` to keep the type"
)]
pub trait FlagField: wire::Field {
    /// The field with the flag on or off.
    fn from_flag(on: bool) -> Self;

    /// True when the flag is on.
    fn is_on(&self) -> bool;
}

#[diagnostic::do_not_recommend]
impl FlagField for bool {
    fn from_flag(on: bool) -> Self {
        on
    }

    fn is_on(&self) -> bool {
        *self
    }
}

impl<F: FlagField> Rule<F> for Flag {
    const LAW: Law = Law::new("flag");
    const SHAPE: Shape = F::SHAPE;
    type Op = FlagOp;
    type State = Heads<bool>;

    fn fold(state: &mut Heads<bool>, FlagOp::Set(on): FlagOp, at: &At<'_>) {
        state.write(on, at);
    }

    fn value(state: &Heads<bool>) -> F {
        F::from_flag(state.iter().any(|head| head.value))
    }

    fn conflicts(state: &Heads<bool>, open: &mut OpenConflicts<'_, '_>) {
        let winner = state.iter().find(|head| head.value);
        state.conflicts(winner.or(state.last()), open);
    }

    fn create(value: &F, record: &mut dyn FnMut(FlagOp)) {
        record(FlagOp::Set(value.is_on()));
    }

    fn depends(state: &Heads<bool>, _: &FlagOp) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn rests_on(state: &Heads<bool>) -> RestsOn {
        let on = state.iter().any(|head| head.value);
        RestsOn::heads(state.iter().filter(|head| head.value == on))
    }

    fn undo(
        FlagOp::Set(on): &FlagOp,
        by: &Undoing,
        before: &Heads<bool>,
        now: &Heads<bool>,
    ) -> Option<Vec<FlagOp>> {
        let is_on = |state: &Heads<bool>| state.iter().any(|head| head.value);
        let left = now.without(on, by, before).map(|left| is_on(&left));
        let back = left.filter(|left| *left != is_on(now));
        Some(back.map(FlagOp::Set).into_iter().collect())
    }
}

impl<F: FlagField> EntryRule<F> for Flag {
    type Seen = ();

    fn seen(_: &Heads<bool>) {}

    fn reset(state: &mut Heads<bool>, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &Heads<bool>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn affirms(_: &FlagOp) -> bool {
        true
    }
}

impl<F, M> Handle<'_, F, Flag, M> {
    /// Turns the flag on or off. Turning it on wins over concurrently turning it off.
    pub fn set(&self, on: bool) {
        self.put(FlagOp::Set(on));
    }
}
