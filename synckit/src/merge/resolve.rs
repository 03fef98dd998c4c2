//! `#[merge(resolve = function)]`: a function of yours says what concurrent writes show.
//!
//! The state is the concurrent heads, as for `lww`, and the function is called when the field is
//! shown. It is given the same heads in the same order on every replica, so *any* pure function
//! converges: it needs to obey no laws, and changing it changes what is shown and no history.

use std::marker::PhantomData;

use crate::id::Dot;
use crate::merge::heads::distinct;
use crate::merge::{
    At, EntryRule, Given, Handle, Head, Heads, Law, OpenConflicts, RestsOn, Rule, Undoing,
};
use crate::wire::{self, Shape};

/// Concurrent writes show what `G` makes of them.
#[derive(Debug)]
pub struct ResolveBy<G>(PhantomData<fn() -> G>);

/// The function of a `resolve` field. The macro implements it on a type that it makes.
pub trait Resolver<F>: 'static {
    /// The value that these concurrent writes show, the last one in the total order first. Called
    /// with writes of at least two values.
    fn resolve(heads: &[Head<F>]) -> F;
}

/// An operation on a `resolve` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum ResolveOp<T> {
    /// Writes the value.
    Set(T),
}

/// Types that `#[merge(resolve = …)]` merges: fields with a default, which they hold until someone
/// sets them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `resolve`",
    label = "needs a canonical encoding and a default",
    note = "derive SyncValue and Default for the type; use BTreeMap for HashMap, BTreeSet for HashSet"
)]
pub trait ResolveField: wire::Field + Default {}

#[diagnostic::do_not_recommend]
impl<T: wire::Field + Default> ResolveField for T {}

impl<F: ResolveField, G: Resolver<F>> Rule<F> for ResolveBy<G> {
    const LAW: Law = Law::new("resolve");
    const SHAPE: Shape = F::SHAPE;
    type Op = ResolveOp<F>;
    type State = Heads<F>;

    fn fold(state: &mut Heads<F>, ResolveOp::Set(value): ResolveOp<F>, at: &At<'_>) {
        state.write_to_choose(value, at);
    }

    fn value(state: &Heads<F>) -> F {
        let (standing, _) = state.standing();
        match distinct(&standing, |value| value).as_slice() {
            [] => F::default(),
            [only] => (*only).clone(),
            _ => G::resolve(&standing),
        }
    }

    fn conflicts(state: &Heads<F>, open: &mut OpenConflicts<'_, '_>) {
        state.unsettled(open);
    }

    fn create(value: &F, record: &mut dyn FnMut(ResolveOp<F>)) {
        record(ResolveOp::Set(value.clone()));
    }

    fn depends(state: &Heads<F>, _: &ResolveOp<F>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn rests_on(state: &Heads<F>) -> RestsOn {
        RestsOn::heads(state.standing().0.iter())
    }

    fn undo(
        ResolveOp::Set(value): &ResolveOp<F>,
        by: &Undoing,
        before: &Heads<F>,
        now: &Heads<F>,
    ) -> Option<Vec<ResolveOp<F>>> {
        let left = now.without(value, by, before);
        Some(left.map(|left| ResolveOp::Set(Self::value(&left))).into_iter().collect())
    }
}

impl<F: ResolveField, G: Resolver<F>> EntryRule<F> for ResolveBy<G> {
    type Seen = ();

    fn seen(_: &Heads<F>) {}

    fn reset(state: &mut Heads<F>, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &Heads<F>) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn affirms(_: &ResolveOp<F>) -> bool {
        true
    }
}

// No bound of the rule: a field that it cannot merge is one error, and not one more at every use.
impl<F: Clone + 'static, G, M> Handle<'_, F, ResolveBy<G>, M> {
    /// Writes the field, and settles what conflict there is.
    pub fn set(&self, value: impl Given<F>) {
        self.put(ResolveOp::Set(value.given()));
    }
}
