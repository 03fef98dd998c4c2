//! `#[merge(max)]` and `#[merge(min)]`: the greatest or the least value ever written.

use std::cmp::Ordering;

use crate::event::{Recorder, SyncEvent};
use crate::merge::{MergeState, encoded};
use crate::wire::{Field, Reader, Value, WireError, Writer};

/// What `#[merge(max)]` and `#[merge(min)]` can stand on: an ordered value with a default, or an
/// `Option` of an ordered value, which is `None` until someone writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `max` or `min`",
    label = "needs a canonical encoding, a total order and a default",
    note = "derive SyncValue, Ord and Default for the type, or use Option<…>, whose default is None; \
            floating-point numbers have no total order: use an integer in a smaller unit"
)]
pub trait ExtremeField: Field {
    /// The values that are compared.
    type Value: Value + Ord;

    /// The field's value when the greatest or least value written is `extreme`.
    fn from_extreme(extreme: Option<&Self::Value>) -> Self;

    /// The value to write when an aggregate is created with this field; `None` when there is
    /// nothing to write.
    fn to_extreme(&self) -> Option<Self::Value>;
}

impl<T: Value + Ord + Default> ExtremeField for T {
    type Value = T;

    fn from_extreme(extreme: Option<&T>) -> Self {
        extreme.cloned().unwrap_or_default()
    }

    fn to_extreme(&self) -> Option<T> {
        (*self != T::default()).then(|| self.clone())
    }
}

impl<T: Value + Ord> ExtremeField for Option<T> {
    type Value = T;

    fn from_extreme(extreme: Option<&T>) -> Self {
        extreme.cloned()
    }

    fn to_extreme(&self) -> Option<T> {
        self.clone()
    }
}

macro_rules! extreme {
    ($state:ident, $ops:ident, $method:ident, $which_order:ident, $rule:literal, $which:literal) => {
        #[doc = concat!("The ", $which, " value ever written.")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $state<F: ExtremeField> {
            extreme: Option<F::Value>,
        }

        impl<F: ExtremeField> Default for $state<F> {
            fn default() -> Self {
                Self { extreme: None }
            }
        }

        impl<F: ExtremeField> $state<F> {
            /// The field's value.
            pub fn value(&self) -> F {
                F::from_extreme(self.extreme.as_ref())
            }

            #[doc = concat!("Folds a value: it holds if it is the ", $which, " so far.")]
            pub fn $method(&mut self, value: &F::Value) {
                let holds = |held| match value.cmp(held) {
                    // Its type calls the values equal; their bytes still decide alike on every
                    // replica.
                    Ordering::Equal => encoded(value).ok() > encoded(held).ok(),
                    order => order == Ordering::$which_order,
                };
                if self.extreme.as_ref().is_none_or(holds) {
                    self.extreme = Some(value.clone());
                }
            }
        }

        impl<F: ExtremeField> MergeState for $state<F> {
            fn write_field(&self, number: u32, out: &mut Writer) {
                self.extreme.write_field(number, out);
            }

            fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self { extreme: Field::read_field(number, input)? })
            }
        }

        #[doc = concat!("The handle of a `", $rule, "` field in an edit.")]
        #[derive(Debug)]
        pub struct $ops<'a, E, F: ExtremeField> {
            recorder: &'a Recorder<E>,
            write: fn(F::Value) -> E,
        }

        impl<'a, E: SyncEvent, F: ExtremeField> $ops<'a, E, F> {
            #[doc(hidden)]
            pub const fn new(recorder: &'a Recorder<E>, write: fn(F::Value) -> E) -> Self {
                Self { recorder, write }
            }

            #[doc = concat!("Writes a value; the ", $which, " ever written holds.")]
            pub fn $method(&mut self, value: impl Into<F::Value>) {
                self.recorder.record((self.write)(value.into()));
            }

            #[doc(hidden)]
            pub fn create(&mut self, value: &F) {
                if let Some(value) = value.to_extreme() {
                    self.recorder.record((self.write)(value));
                }
            }
        }
    };
}
extreme!(Max, MaxOps, raise, Greater, "max", "greatest");
extreme!(Min, MinOps, lower, Less, "min", "least");
