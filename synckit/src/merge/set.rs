//! `#[merge(set)]`: an add-wins set.
//!
//! The observed-remove set of Shapiro, Preguiça, Baquero and Zawirski, "A Comprehensive Study of
//! Convergent and Commutative Replicated Data Types", 2011, without tombstones: an element is in
//! the set while some insertion of it is left that no removal's author had seen. Of one replica's
//! insertions of an element only the last is kept: whoever had seen it had seen the earlier ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Recorder, SyncEvent};
use crate::id::{Dot, ReplicaId};
use crate::merge::{MergeState, encoded};
use crate::vector::Stamp;
use crate::wire::{Field, Reader, Value, WireError, WireType, Writer};

/// What `#[merge(set)]` can stand on: `BTreeSet<T>` of values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `set`",
    label = "a merged set is a `BTreeSet<T>`",
    note = "write `std::collections::BTreeSet<T>`, with a T that is Ord and has a canonical encoding"
)]
pub trait SetField: Field {
    /// The elements.
    type Element: Value + Ord;

    /// The field's value.
    fn from_elements<'a>(elements: impl Iterator<Item = &'a Self::Element>) -> Self;

    /// The elements to insert when an aggregate is created with this field.
    fn elements(&self) -> impl Iterator<Item = &Self::Element>;
}

impl<T: Value + Ord> SetField for BTreeSet<T> {
    type Element = T;

    fn from_elements<'a>(elements: impl Iterator<Item = &'a T>) -> Self {
        elements.cloned().collect()
    }

    fn elements(&self) -> impl Iterator<Item = &T> {
        self.iter()
    }
}

/// The insertions that hold, by element and inserting replica.
///
/// Elements that their type calls equal are kept apart by their bytes, so that it does not matter
/// which of them was folded first; the field shows one of them, and a removal takes all.
#[derive(Clone, Debug, PartialEq)]
pub struct AddWinsSet<F: SetField> {
    insertions: BTreeMap<(F::Element, Vec<u8>), BTreeMap<ReplicaId, u64>>,
}

impl<F: SetField> Default for AddWinsSet<F> {
    fn default() -> Self {
        Self { insertions: BTreeMap::new() }
    }
}

impl<F: SetField> AddWinsSet<F> {
    /// The field's value.
    pub fn value(&self) -> F {
        F::from_elements(self.insertions.keys().map(|(element, _)| element))
    }

    /// Folds an insertion. An element nested too deep to be stored, which no event can carry, is
    /// passed over.
    pub fn insert(&mut self, element: &F::Element, at: &Stamp<'_>) {
        let Ok(bytes) = encoded(element) else { return };
        let dots = self.insertions.entry((element.clone(), bytes)).or_default();
        let seq = dots.entry(at.dot.replica).or_default();
        *seq = at.dot.seq.max(*seq);
    }

    /// Folds a removal: takes away the insertions that its author had seen.
    pub fn remove(&mut self, element: &F::Element, at: &Stamp<'_>) {
        let equal = self.insertions.range_mut((element.clone(), Vec::new())..);
        let mut emptied = Vec::new();
        for (key, dots) in equal.take_while(|(key, _)| key.0.cmp(element).is_eq()) {
            dots.retain(|replica, seq| !at.saw(Dot { replica: *replica, seq: *seq }));
            if dots.is_empty() {
                emptied.push(key.clone());
            }
        }
        for key in emptied {
            self.insertions.remove(&key);
        }
    }
}

impl<F: SetField> MergeState for AddWinsSet<F> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        let mut insertions: Vec<_> =
            self.insertions.iter().map(|((_, bytes), dots)| (bytes, dots)).collect();
        insertions.sort_unstable_by_key(|(bytes, _)| *bytes);
        for (bytes, dots) in insertions {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                out.tag(1, F::Element::WIRE);
                out.raw(bytes);
                for (replica, seq) in dots {
                    out.tag(2, WireType::Len);
                    out.enclosed(|out| write_dot(1, Dot { replica: *replica, seq: *seq }, out));
                }
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::default();
        let mut last: Option<Vec<u8>> = None;
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let (element, dots) = input.enclosed(read_insertions::<F::Element>)?;
            let bytes = encoded(&element)?;
            if last.is_some_and(|last| last >= bytes) {
                return Err(WireError::Unsorted { number });
            }
            last = Some(bytes.clone());
            state.insertions.insert((element, bytes), dots);
            present = input.take_again(WireType::Len)?;
        }
        Ok(state)
    }
}

fn read_insertions<T: Value>(
    input: &mut Reader<'_>,
) -> Result<(T, BTreeMap<ReplicaId, u64>), WireError> {
    let element = T::read_field(1, input)?;
    let mut dots = BTreeMap::new();
    let mut present = input.take(2, WireType::Len)?;
    while present {
        let dot = input.enclosed(|input| read_dot(1, input))?;
        if dot.seq == 0 || dots.last_key_value().is_some_and(|(last, _)| *last >= dot.replica) {
            return Err(WireError::Unsorted { number: 2 });
        }
        dots.insert(dot.replica, dot.seq);
        present = input.take_again(WireType::Len)?;
    }
    if dots.is_empty() { Err(WireError::Missing { number: 2 }) } else { Ok((element, dots)) }
}

/// The handle of a `set` field in an edit.
#[derive(Debug)]
pub struct SetOps<'a, E, F: SetField> {
    recorder: &'a Recorder<E>,
    insert: fn(F::Element) -> E,
    remove: fn(F::Element) -> E,
}

impl<'a, E: SyncEvent, F: SetField> SetOps<'a, E, F> {
    #[doc(hidden)]
    pub const fn new(
        recorder: &'a Recorder<E>,
        insert: fn(F::Element) -> E,
        remove: fn(F::Element) -> E,
    ) -> Self {
        Self { recorder, insert, remove }
    }

    /// Puts an element into the set. It stays there against removals made apart from this
    /// insertion.
    pub fn insert(&mut self, element: impl Into<F::Element>) {
        self.recorder.record((self.insert)(element.into()));
    }

    /// Takes an element out of the set as far as this replica has seen it inserted.
    pub fn remove(&mut self, element: impl Into<F::Element>) {
        self.recorder.record((self.remove)(element.into()));
    }

    #[doc(hidden)]
    pub fn create(&mut self, value: &F) {
        value.elements().for_each(|element| self.insert(element.clone()));
    }
}

/// Writes a dot as two fields from `number` on.
pub(crate) fn write_dot(number: u32, dot: Dot, out: &mut Writer) {
    dot.replica.as_bytes().write_field(number, out);
    dot.seq.write_field(number + 1, out);
}

/// Reads what [`write_dot`] wrote.
pub(crate) fn read_dot(number: u32, input: &mut Reader<'_>) -> Result<Dot, WireError> {
    let replica = ReplicaId::from_bytes(<[u8; 32]>::read_field(number, input)?);
    Ok(Dot { replica, seq: u64::read_field(number + 1, input)? })
}
