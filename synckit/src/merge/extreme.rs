//! `#[merge(max)]` and `#[merge(min)]`: the greatest or the least value ever written.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{encoded, read_id, write_id};
use crate::merge::{At, EntryRule, Given, Handle, Law, MergeState, OpId, RestsOn, Rule};
use crate::wire::{self, Reader, Shape, Value, WireError, WireType, Writer};

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

/// The greatest or least value written.
///
/// A field needs the one value. In the entry of a map, which a removal resets, it is the writes of
/// each author that none of the author's own later writes reaches: whoever had seen the later one
/// had seen them.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtremeState<T, R> {
    extreme: Option<T>,
    /// In an entry: each author's writes, the earliest and furthest first.
    authors: BTreeMap<ReplicaId, Vec<(OpId, T)>>,
    rule: PhantomData<fn() -> R>,
}

/// [`Max`] or [`Min`].
pub trait Extreme: Clone + Debug + PartialEq + 'static {
    /// The order of the value that holds to all others.
    const WANTED: Ordering;
}

impl<T, R> Default for ExtremeState<T, R> {
    fn default() -> Self {
        Self { extreme: None, authors: BTreeMap::new(), rule: PhantomData }
    }
}

impl<T: Value + Ord, R: Extreme> ExtremeState<T, R> {
    fn write(&mut self, value: T, at: &At<'_>) {
        if at.is_in_entry() {
            let id = at.id();
            let writes = self.authors.entry(id.dot.replica).or_default();
            while writes.last().is_some_and(|(_, earlier)| !Self::beats(earlier, &value)) {
                writes.pop();
            }
            writes.push((id, value));
        } else if self.extreme.as_ref().is_none_or(|held| Self::beats(&value, held)) {
            self.extreme = Some(value);
        }
    }

    fn beats(value: &T, other: &T) -> bool {
        match value.cmp(other) {
            // Their type calls the values equal; their bytes decide alike on every replica.
            Ordering::Equal => encoded(value).ok() > encoded(other).ok(),
            order => order == R::WANTED,
        }
    }

    fn holds(&self) -> Option<&T> {
        let furthest = self.authors.values().filter_map(|writes| writes.first());
        let values = self.extreme.iter().chain(furthest.map(|(_, value)| value));
        values.reduce(|held, value| if Self::beats(value, held) { value } else { held })
    }

    fn rests_on(&self) -> RestsOn {
        let furthest = self.authors.values().filter_map(|writes| writes.first());
        let held = self.holds();
        let of_held = furthest.filter(|(_, value)| held == Some(value));
        let of_held: Vec<_> = of_held.map(|(id, _)| id.dot).collect();
        if of_held.is_empty() { RestsOn::LastChange } else { RestsOn::Heads(of_held) }
    }

    fn forget(&mut self, at: &At<'_>) {
        self.authors.retain(|_, writes| {
            writes.retain(|(id, _)| !at.saw(*id));
            !writes.is_empty()
        });
    }

    /// Reads a write of an entry, which follows those that were read.
    fn read_write(&mut self, number: u32, input: &mut Reader<'_>) -> Result<(), WireError> {
        let id = read_id(1, input)?;
        let value = <T as wire::Field>::read_field(4, input)?;
        let author = id.dot.replica;
        let follows = match self.authors.last_key_value() {
            Some((last, writes)) if *last == author => writes
                .last()
                .is_some_and(|(last, further)| *last < id && Self::beats(further, &value)),
            last => last.is_none_or(|(last, _)| *last < author),
        };
        if !follows {
            return Err(WireError::Unsorted { number });
        }
        self.authors.entry(author).or_default().push((id, value));
        Ok(())
    }
}

impl<T: Value + Ord, R: Extreme> MergeState for ExtremeState<T, R> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if self.holds().is_none() {
            return;
        }
        out.tag(number, WireType::Len);
        out.enclosed(|out| {
            wire::Field::write_field(&self.extreme, 1, out);
            for (id, value) in self.authors.values().flatten() {
                out.tag(2, WireType::Len);
                out.enclosed(|out| {
                    write_id(1, *id, out);
                    wire::Field::write_field(value, 4, out);
                });
            }
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::default();
        if !input.take(number, WireType::Len)? {
            return Ok(state);
        }
        input.enclosed(|input| {
            state.extreme = wire::Field::read_field(1, input)?;
            let mut present = input.take(2, WireType::Len)?;
            while present {
                input.enclosed(|input| state.read_write(2, input))?;
                present = input.take_again(WireType::Len)?;
            }
            Ok(())
        })?;
        if state.holds().is_none() {
            return Err(WireError::EmptyCollection { number });
        }
        Ok(state)
    }
}

macro_rules! extreme {
    ($marker:ident, $op:ident::$variant:ident, $method:ident, $wanted:ident, $rule:literal, $which:literal) => {
        #[doc = concat!("The ", $which, " value ever written holds.")]
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $marker {}

        impl Extreme for $marker {
            const WANTED: Ordering = Ordering::$wanted;
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
            type State = ExtremeState<F::Value, Self>;

            fn fold(state: &mut Self::State, $op::$variant(value): Self::Op, at: &At<'_>) {
                state.write(value, at);
            }

            fn value(state: &Self::State) -> F {
                F::from_extreme(state.holds())
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
                state.rests_on()
            }
        }

        impl<F: ExtremeField> EntryRule<F> for $marker {
            type Seen = ();

            fn seen(_: &Self::State) {}

            fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
                state.forget(at);
            }

            fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
                let writes = state.authors.values().flatten();
                Some(writes.map(|(id, _)| id.dot).collect())
            }

            fn affirms(_: &Self::Op) -> bool {
                true
            }
        }

        impl<F: ExtremeField, M> Handle<'_, F, $marker, M> {
            #[doc = concat!("Writes a value; the ", $which, " ever written holds.")]
            pub fn $method(&self, value: impl Given<F::Value>) {
                self.push($op::$variant(value.given()));
            }
        }
    };
}
extreme!(Max, MaxOp::Raised, raise, Greater, "max", "greatest");
extreme!(Min, MinOp::Lowered, lower, Less, "min", "least");
