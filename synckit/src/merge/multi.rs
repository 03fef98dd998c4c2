//! `#[merge(multi)]`: concurrent writes are all shown, and whoever reads has to look at them.
//!
//! The multi-value register of Shapiro, Preguiça, Baquero and Zawirski, "A Comprehensive Study of
//! Convergent and Commutative Replicated Data Types", 2011: the state is the concurrent heads.

use crate::id::Dot;
use crate::merge::{
    At, EntryRule, Given, Handle, Heads, Law, OpenConflicts, RestsOn, Rule, Undoing,
};
use crate::wire::{self, Shape};

/// Concurrent writes are all shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum Multi {}

/// A value, or several if those who wrote it concurrently do not agree.
///
/// There is no way to the value past the conflict: code that reads it says what it does about one.
///
/// ```compile_fail
/// # use synckit::merge::Conflicted;
/// fn length(title: &Conflicted<String>) -> usize {
///     title.len()
/// }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_enums, reason = "whoever reads it has to look at both")]
pub enum Conflicted<T> {
    /// The one value.
    Agreed(T),
    /// Different values written concurrently, at least two, the last one in the total order first.
    Conflict(Vec<T>),
}

/// An operation on a `multi` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum MultiOp<T> {
    /// Writes the value.
    Set(T),
}

/// Types that `#[merge(multi)]` merges: [`Conflicted`] values with a default, which they hold until
/// someone sets them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `multi`",
    label = "needs a canonical encoding and a default",
    note = "write `Conflicted<T>`; derive SyncValue and Default for `T`"
)]
pub trait MultiField: 'static {
    /// The values written.
    type Value: wire::Field + Default;

    /// The field that shows these values, the last one first.
    fn from_values(values: Vec<Self::Value>) -> Self;

    /// The value to write when an aggregate is created with this field.
    fn last(&self) -> Self::Value;
}

#[diagnostic::do_not_recommend]
impl<T: wire::Field + Default> MultiField for Conflicted<T> {
    type Value = T;

    fn from_values(mut values: Vec<T>) -> Self {
        match values.pop() {
            None => Self::Agreed(T::default()),
            Some(only) if values.is_empty() => Self::Agreed(only),
            Some(last) => {
                values.push(last);
                Self::Conflict(values)
            }
        }
    }

    fn last(&self) -> T {
        match self {
            Self::Agreed(value) => value.clone(),
            Self::Conflict(values) => values.first().cloned().unwrap_or_default(),
        }
    }
}

impl<T: Default> Default for Conflicted<T> {
    fn default() -> Self {
        Self::Agreed(T::default())
    }
}

impl<T> From<T> for Conflicted<T> {
    fn from(value: T) -> Self {
        Self::Agreed(value)
    }
}

impl<F: MultiField> Rule<F> for Multi {
    const LAW: Law = Law::new("multi");
    const SHAPE: Shape = <F::Value as wire::Field>::SHAPE;
    type Op = MultiOp<F::Value>;
    type State = Heads<F::Value>;

    fn fold(state: &mut Self::State, MultiOp::Set(value): Self::Op, at: &At<'_>) {
        state.write(value, at);
    }

    fn value(state: &Self::State) -> F {
        F::from_values(state.distinct().into_iter().cloned().collect())
    }

    fn conflicts(state: &Self::State, open: &mut OpenConflicts<'_, '_>) {
        state.unsettled(open);
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        record(MultiOp::Set(value.last()));
    }

    fn depends(state: &Self::State, _: &Self::Op) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn rests_on(state: &Self::State) -> RestsOn {
        RestsOn::heads(state.iter())
    }

    fn undo(
        MultiOp::Set(value): &Self::Op,
        by: &Undoing,
        before: &Self::State,
        now: &Self::State,
    ) -> Option<Vec<Self::Op>> {
        let Some(left) = now.without(value, by, before) else { return Some(Vec::new()) };
        match left.distinct().as_slice() {
            [] => Some(vec![MultiOp::Set(F::Value::default())]),
            [only] => Some(vec![MultiOp::Set((*only).clone())]),
            // One write in place of several would be a decision, which is for people.
            _ => None,
        }
    }
}

impl<F: MultiField> EntryRule<F> for Multi {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.forget(at);
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        Some(state.dots())
    }

    fn affirms(_: &Self::Op) -> bool {
        true
    }
}

// No bound of the rule: a field that it cannot merge is one error, and not one more at every use.
impl<T: Clone + 'static, M> Handle<'_, Conflicted<T>, Multi, M> {
    /// Writes the field, and settles what conflict there is.
    pub fn set(&self, value: impl Given<T>) {
        self.put(MultiOp::Set(value.given()));
    }
}
