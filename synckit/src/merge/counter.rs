//! `#[merge(counter)]`: additions commute.

use crate::event::{Recorder, SyncEvent};
use crate::merge::MergeState;
use crate::wire::{Field, Reader, WireError, WireType, Writer};

/// What `#[merge(counter)]` can stand on: `i64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `counter`",
    label = "a counter is an `i64`",
    note = "write `i64`; additions may be negative, so an unsigned counter could not show every state"
)]
pub trait CounterField: Field + Copy {
    /// The total as the field shows it.
    fn from_total(total: i128) -> Self;

    /// The field as an addition to nothing.
    fn to_addition(self) -> i64;
}

impl CounterField for i64 {
    fn from_total(total: i128) -> Self {
        Self::try_from(total).unwrap_or(if total < 0 { Self::MIN } else { Self::MAX })
    }

    fn to_addition(self) -> i64 {
        self
    }
}

/// The sum of all additions, each counted once. Kept in 128 bits, which no number of additions can
/// exceed, so the sum does not depend on their order; a field shows it clamped to `i64`.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter<F> {
    total: i128,
    field: std::marker::PhantomData<fn() -> F>,
}

impl<F> Default for Counter<F> {
    fn default() -> Self {
        Self { total: 0, field: std::marker::PhantomData }
    }
}

impl<F: CounterField> Counter<F> {
    /// The field's value.
    pub fn value(&self) -> F {
        F::from_total(self.total)
    }

    /// Folds an addition.
    pub fn add(&mut self, amount: &i64) {
        // 2^64 additions of 2^63 reach 2^127; a space cannot hold as many events.
        self.total = self.total.saturating_add(i128::from(*amount));
    }
}

impl<F: CounterField> MergeState for Counter<F> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if self.total != 0 {
            out.tag(number, WireType::Len);
            out.bytes(&self.total.to_le_bytes());
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        match input.bytes()?.try_into().map(i128::from_le_bytes) {
            Ok(total) if total != 0 => Ok(Self { total, ..Self::default() }),
            _ => Err(WireError::Invalid { expected: "total of 16 bytes, other than 0" }),
        }
    }
}

/// The handle of a `counter` field in an edit.
#[derive(Debug)]
pub struct CounterOps<'a, E> {
    recorder: &'a Recorder<E>,
    add: fn(i64) -> E,
}

impl<'a, E: SyncEvent> CounterOps<'a, E> {
    #[doc(hidden)]
    pub const fn new(recorder: &'a Recorder<E>, add: fn(i64) -> E) -> Self {
        Self { recorder, add }
    }

    /// Adds to the counter; a negative amount takes away.
    pub fn add(&mut self, amount: i64) {
        self.recorder.record((self.add)(amount));
    }

    #[doc(hidden)]
    pub fn create<F: CounterField>(&mut self, value: &F) {
        match value.to_addition() {
            0 => {}
            amount => self.add(amount),
        }
    }
}
