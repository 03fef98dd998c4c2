//! `#[merge(max)]` and `#[merge(min)]`: the greatest or the least value ever written.

use std::cmp::Ordering;

use crate::conflict::Conflicts;
use crate::merge::bytes::encoded;
use crate::merge::{At, Field, Law, MergeState, Rule};
use crate::wire::{self, Reader, Shape, Value, WireError, Writer};

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
    fn from_extreme(extreme: Option<&Self::Value>) -> Self;

    /// The value to write when an aggregate is created with this field; `None` when there is
    /// nothing to write.
    fn to_extreme(&self) -> Option<Self::Value>;
}

#[diagnostic::do_not_recommend]
impl<T: Value + Ord + Default> ExtremeField for T {
    type Value = T;

    fn from_extreme(extreme: Option<&T>) -> Self {
        extreme.cloned().unwrap_or_default()
    }

    fn to_extreme(&self) -> Option<T> {
        Some(self.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Value + Ord> ExtremeField for Option<T> {
    type Value = T;

    fn from_extreme(extreme: Option<&T>) -> Self {
        extreme.cloned()
    }

    fn to_extreme(&self) -> Option<T> {
        self.clone()
    }
}

/// The greatest or least value written.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtremeState<T> {
    extreme: Option<T>,
}

impl<T> Default for ExtremeState<T> {
    fn default() -> Self {
        Self { extreme: None }
    }
}

impl<T: Value + Ord> ExtremeState<T> {
    /// Folds a value, which holds if it stands to the one held as `wanted`.
    fn write(&mut self, value: T, wanted: Ordering) {
        let holds = |held| match value.cmp(held) {
            // Their type calls the values equal; their bytes decide alike on every replica.
            Ordering::Equal => encoded(&value).ok() > encoded(held).ok(),
            order => order == wanted,
        };
        if self.extreme.as_ref().is_none_or(holds) {
            self.extreme = Some(value);
        }
    }
}

impl<T: Value> MergeState for ExtremeState<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        wire::Field::write_field(&self.extreme, number, out);
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { extreme: wire::Field::read_field(number, input)? })
    }
}

macro_rules! extreme {
    ($marker:ident, $op:ident::$variant:ident, $method:ident, $wanted:ident, $rule:literal, $which:literal) => {
        #[doc = concat!("The ", $which, " value ever written holds.")]
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum $marker {}

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
            type State = ExtremeState<F::Value>;

            fn fold(
                state: &mut Self::State,
                $op::$variant(value): Self::Op,
                _: &At<'_>,
                _: &mut Conflicts<'_>,
            ) {
                state.write(value, Ordering::$wanted);
            }

            fn value(state: &Self::State) -> F {
                F::from_extreme(state.extreme.as_ref())
            }

            fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
                if let Some(value) = value.to_extreme() {
                    record($op::$variant(value));
                }
            }
        }

        impl<F: ExtremeField, M> Field<'_, F, $marker, M> {
            #[doc = concat!("Writes a value; the ", $which, " ever written holds.")]
            pub fn $method(&self, value: impl Into<F::Value>) {
                self.push($op::$variant(value.into()));
            }
        }
    };
}
extreme!(Max, MaxOp::Raised, raise, Greater, "max", "greatest");
extreme!(Min, MinOp::Lowered, lower, Less, "min", "least");
