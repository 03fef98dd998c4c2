//! The part of a rule that a removal of a map's entry needs, of a field of the struct in it, without types.

use std::any::Any;

use crate::id::Dot;
use crate::merge::rule::{Slot, changed};
use crate::merge::{AnyState, At, EntryRule, SeenPart};

/// The work of an [`EntryRule`] on a field of a struct.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Resets {
    /// The part of the field's state that its author has seen, as bytes.
    pub(super) seen: fn(&dyn AnyState) -> Vec<u8>,
    pub(super) reset: fn(&mut Slot, &[u8], &At<'_>),
    pub(super) depends: fn(&dyn AnyState) -> Option<Vec<Dot>>,
    /// True when the operation, an `Option<R::Op>` that holds one, makes the entry exist.
    pub(super) affirms: fn(&dyn Any) -> bool,
}

impl Resets {
    pub(super) const fn of<F: 'static, R: EntryRule<F>>() -> Self {
        Self {
            seen: |state| {
                state_of::<F, R>(state).map_or_else(Vec::new, |it| R::seen(it).to_bytes())
            },
            reset: |slot, seen, at| {
                if slot.is_some() {
                    let seen = R::Seen::from_bytes(seen).unwrap_or_default();
                    changed::<F, R>(slot, |state| R::reset(state, &seen, at));
                }
            },
            depends: |state| R::reset_depends(state_of::<F, R>(state)?),
            affirms: |op| {
                let op = op.downcast_ref::<Option<R::Op>>().and_then(Option::as_ref);
                op.is_some_and(R::affirms)
            },
        }
    }
}

fn state_of<F, R: EntryRule<F>>(state: &dyn AnyState) -> Option<&R::State> {
    (state as &dyn Any).downcast_ref()
}
