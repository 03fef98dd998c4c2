//! Merge rules: how each field of an aggregate resolves what replicas did to it apart from each
//! other.
//!
//! A rule is a state that folds operations. Every state here is a function of the *set* of
//! operations folded, so replicas that hold the same events hold the same bytes. Folding is total:
//! it cannot fail, and it sees no clock, no randomness and no I/O. What it may use is the
//! [`Stamp`](crate::vector::Stamp) of the event that carries the operation.
//!
//! | rule | field | operations | resolves by |
//! |---|---|---|---|
//! | [`Lww`] | any field with a default | set | the greatest stamp; concurrent overwrites are recorded |
//! | [`Max`], [`Min`] | ordered values, `Option` of them | raise, lower | the greatest or least value |
//! | [`Counter`] | `i64` | add | the sum, each addition once |
//! | [`AddWinsSet`] | `BTreeSet` | insert, remove | a removal takes away only what its author had seen |

mod counter;
mod extreme;
mod lww;
mod set;

pub use counter::{Counter, CounterField, CounterOps};
pub use extreme::{ExtremeField, Max, MaxOps, Min, MinOps};
pub use lww::{Lww, LwwField, LwwOps};
pub use set::{AddWinsSet, SetField, SetOps};
pub(crate) use set::{read_dot, write_dot};

use std::fmt::Debug;

use crate::wire::{Reader, Value, WireError, Writer};

/// What every rule's state can do beside folding: be stored as a field of the aggregate's state.
pub trait MergeState: Clone + Debug + Default + PartialEq {
    /// Writes the state under `number`, or nothing when no operation has been folded.
    fn write_field(&self, number: u32, out: &mut Writer);

    /// Reads what [`MergeState::write_field`] wrote.
    ///
    /// # Errors
    /// When the bytes are not canonical.
    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// A value's canonical bytes: they tell values apart that their type calls equal.
fn encoded<T: Value>(value: &T) -> Result<Vec<u8>, WireError> {
    let mut out = Writer::new();
    value.write(&mut out);
    out.finish()
}

#[cfg(test)]
mod tests;
