//! `#[merge(max)]` and `#[merge(min)]`: the greatest or the least value ever written.

use std::cmp::Ordering;
use std::fmt::Debug;

use crate::id::Dot;
use crate::merge::bytes::encoded;
use crate::merge::join::Join;
use crate::merge::{At, EntryRule, Given, Handle, JoinState, Law, RestsOn, Rule};
use crate::wire::{self, Shape, Value};

/// Types that `#[merge(max)]` and `#[merge(min)]` merge: ordered values with a default, and `Option`
/// of ordered values, which is `None` until someone writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `max` or `min`",
    label = "needs a canonical encoding, a total order and a default",
    note = "derive SyncValue, Ord and Default for the type, or use Option<…>, whose default is None; \
            floating-point numbers have no total order: use an integer in a smaller unit"
)]
pub trait ExtremeField: wire::Field {
    /// The values that are compared.
    type Value: Value + Ord;

    /// The field's value when the greatest or least value written is `extreme`.
    fn from_extreme(extreme: Option<Self::Value>) -> Self;

    /// The value to write when an aggregate is created with this field; `None` when there is
    /// nothing to write.
    fn to_extreme(&self) -> Option<Self::Value>;
}

#[diagnostic::do_not_recommend]
impl<T: Value + Ord + Default> ExtremeField for T {
    type Value = T;

    fn from_extreme(extreme: Option<T>) -> Self {
        extreme.unwrap_or_default()
    }

    fn to_extreme(&self) -> Option<T> {
        Some(self.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Value + Ord> ExtremeField for Option<T> {
    type Value = T;

    fn from_extreme(extreme: Option<T>) -> Self {
        extreme
    }

    fn to_extreme(&self) -> Option<T> {
        self.clone()
    }
}

/// 1 when `max` or `min` compares the values of a type as they are; an error of rustc when the type is
/// an `Option` under another name.
#[doc(hidden)]
pub const fn fits_spelt<F: ExtremeField<Value: Spelt<F>>>() -> usize {
    1
}

/// A type whose values are compared as they are.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{F}` cannot be merged by `max` or `min` under another name",
    label = "write `{F}` out: the macro cannot see through another name"
)]
pub trait Spelt<F> {}

impl<F> Spelt<F> for F {}

/// True when `value` stands to `other` in the order that is wanted.
fn beats<T: Value + Ord>(value: &T, other: &T, wanted: Ordering) -> bool {
    match value.cmp(other) {
        // Their type calls the values equal; their bytes decide alike on every replica.
        Ordering::Equal => encoded(value).ok() > encoded(other).ok(),
        order => order == wanted,
    }
}

fn rests_on<T: Value + Ord, J: Join<T>>(state: &JoinState<T>) -> RestsOn {
    let held = state.joined::<J>();
    let of_held = state.of_authors().filter(|(_, value)| held.as_ref() == Some(value));
    let of_held: Vec<_> = of_held.map(|(id, _)| id.dot).collect();
    if of_held.is_empty() { RestsOn::LastChange } else { RestsOn::Heads(of_held) }
}

macro_rules! extreme {
    ($marker:ident, $op:ident::$variant:ident, $method:ident, $wanted:ident, $rule:literal, $which:literal) => {
        #[doc = concat!("The ", $which, " value ever written holds.")]
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum $marker {}

        impl<T: Value + Ord> Join<T> for $marker {
            fn join(held: T, written: T) -> T {
                if beats(&written, &held, Ordering::$wanted) { written } else { held }
            }
        }

        #[doc = concat!("An operation on a `", $rule, "` field.")]
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
        pub enum $op<T> {
            /// Writes the value.
            $variant(T),
        }

        impl<F: ExtremeField> Rule<F> for $marker {
            const LAW: Law = Law::new($rule);
            const SHAPE: Shape = F::SHAPE;
            type Op = $op<F::Value>;
            type State = JoinState<F::Value>;

            fn fold(state: &mut Self::State, $op::$variant(value): Self::Op, at: &At<'_>) {
                state.write::<Self>(value, at);
            }

            fn value(state: &Self::State) -> F {
                F::from_extreme(state.joined::<Self>())
            }

            fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
                if let Some(value) = value.to_extreme() {
                    record($op::$variant(value));
                }
            }

            fn commutes(_: &Self::Op) -> bool {
                true
            }

            fn depends(_: &Self::State, _: &Self::Op) -> Option<Vec<Dot>> {
                Some(Vec::new())
            }

            fn rests_on(state: &Self::State) -> RestsOn {
                rests_on::<F::Value, Self>(state)
            }
        }

        impl<F: ExtremeField> EntryRule<F> for $marker {
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

        impl<F: ExtremeField, M> Handle<'_, F, $marker, M> {
            #[doc = concat!("Writes a value; the ", $which, " ever written holds.")]
            pub fn $method(&self, value: impl Given<F::Value>) {
                self.put($op::$variant(value.given()));
            }
        }
    };
}
extreme!(Max, MaxOp::Raised, raise, Greater, "max", "greatest");
extreme!(Min, MinOp::Lowered, lower, Less, "min", "least");
