//! `#[merge(set)]`: an add-wins set.
//!
//! The observed-remove set of Shapiro, Preguiça, Baquero and Zawirski, "A Comprehensive Study of
//! Convergent and Commutative Replicated Data Types", 2011, without tombstones: an element is in
//! the set while some insertion of it is left that no removal's author had seen. Of one replica's
//! insertions of an element only the last is kept: whoever had seen it had seen the earlier ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::conflict::Conflicts;
use crate::id::ReplicaId;
use crate::merge::bytes::{encoded, read_id, write_id};
use crate::merge::{At, EntryRule, Handle, Law, MergeState, OpId, Reads, Rule};
use crate::wire::{self, Reader, Shape, Value, WireError, WireType, Writer};

/// An insertion survives removals whose authors had not seen it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Set {}

/// An operation on a `set` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum SetOp<T> {
    /// Puts the element into the set.
    Inserted(T),
    /// Takes the element out of the set, as far as the author had seen it inserted.
    Removed(T),
}

/// Types that `#[merge(set)]` merges: `BTreeSet<T>` of values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `set`",
    label = "needs to be a `BTreeSet<T>` of ordered values",
    note = "write `BTreeSet<T>`; derive SyncValue and Ord for the elements"
)]
pub trait SetField: wire::Field {
    /// The elements.
    type Element: Value + Ord;

    /// The field's value.
    fn from_elements<'a>(elements: impl Iterator<Item = &'a Self::Element>) -> Self;

    /// The elements to insert when an aggregate is created with this field.
    fn elements(&self) -> impl Iterator<Item = &Self::Element>;
}

#[diagnostic::do_not_recommend]
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
pub struct SetState<T: Ord> {
    insertions: BTreeMap<(T, Vec<u8>), BTreeMap<ReplicaId, OpId>>,
}

impl<T: Ord> Default for SetState<T> {
    fn default() -> Self {
        Self { insertions: BTreeMap::new() }
    }
}

impl<T: Value + Ord> SetState<T> {
    fn insert(&mut self, element: T, at: &At<'_>) {
        let Ok(bytes) = encoded(&element) else { return };
        let ids = self.insertions.entry((element, bytes)).or_default();
        ids.insert(at.id().dot.replica, at.id());
    }

    fn remove(&mut self, element: &T, at: &At<'_>) {
        let equal = self.insertions.range_mut((element.clone(), Vec::new())..);
        let mut emptied = Vec::new();
        for (key, ids) in equal.take_while(|(key, _)| key.0.cmp(element).is_eq()) {
            ids.retain(|_, id| !at.saw(*id));
            if ids.is_empty() {
                emptied.push(key.clone());
            }
        }
        for key in emptied {
            self.insertions.remove(&key);
        }
    }

    fn contains(&self, element: &T) -> bool {
        let mut equal = self.insertions.range((element.clone(), Vec::new())..);
        equal.next().is_some_and(|(key, _)| key.0.cmp(element).is_eq())
    }
}

impl<F: SetField> Rule<F> for Set {
    const LAW: Law = Law::new("set");
    const SHAPE: Shape = F::SHAPE;
    type Op = SetOp<F::Element>;
    type State = SetState<F::Element>;

    fn fold(state: &mut Self::State, op: Self::Op, at: &At<'_>, _: &mut Conflicts<'_>) {
        match op {
            SetOp::Inserted(element) => state.insert(element, at),
            SetOp::Removed(element) => state.remove(&element, at),
        }
    }

    fn value(state: &Self::State) -> F {
        F::from_elements(state.insertions.keys().map(|(element, _)| element))
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        value.elements().for_each(|element| record(SetOp::Inserted(element.clone())));
    }
}

impl<F: SetField> EntryRule<F> for Set {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.insertions.retain(|_, ids| {
            ids.retain(|_, id| !at.saw(*id));
            !ids.is_empty()
        });
    }

    fn affirms(op: &Self::Op) -> bool {
        matches!(op, SetOp::Inserted(_))
    }
}

impl<T: Clone + Send + Sync + 'static, M> Handle<'_, BTreeSet<T>, Set, M> {
    /// Puts an element into the set. It stays there against concurrent removals.
    pub fn insert(&self, element: impl Into<T>) {
        self.push(SetOp::Inserted(element.into()));
    }

    /// Takes an element out of the set, as far as this replica has seen it inserted.
    pub fn remove(&self, element: impl Into<T>) {
        self.push(SetOp::Removed(element.into()));
    }
}

impl<T: Value + Ord> Handle<'_, BTreeSet<T>, Set, Reads> {
    /// True when the set holds the element, this edit's own changes included.
    pub fn contains(&self, element: impl Into<T>) -> bool {
        let element = element.into();
        self.inspect(|state| state.contains(&element))
    }
}

impl<T: Value + Ord> MergeState for SetState<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        let mut insertions: Vec<_> =
            self.insertions.iter().map(|((_, bytes), ids)| (bytes, ids)).collect();
        insertions.sort_unstable_by_key(|(bytes, _)| *bytes);
        for (bytes, ids) in insertions {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                out.tag(1, T::WIRE);
                out.raw(bytes);
                write_ids(2, ids, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::default();
        let mut last: Option<Vec<u8>> = None;
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let (element, ids) = input.enclosed(|input| {
                let element = <T as wire::Field>::read_field(1, input)?;
                Ok((element, read_ids(2, input)?))
            })?;
            let bytes = encoded(&element)?;
            if ids.is_empty() {
                return Err(WireError::Missing { number: 2 });
            }
            if last.is_some_and(|last| last >= bytes) {
                return Err(WireError::Unsorted { number });
            }
            last = Some(bytes.clone());
            state.insertions.insert((element, bytes), ids);
            present = input.take_again(WireType::Len)?;
        }
        Ok(state)
    }
}

/// Writes the last operation of each replica.
pub(super) fn write_ids(number: u32, ids: &BTreeMap<ReplicaId, OpId>, out: &mut Writer) {
    for id in ids.values() {
        out.tag(number, WireType::Len);
        out.enclosed(|out| write_id(1, *id, out));
    }
}

/// Reads what [`write_ids`] wrote.
pub(super) fn read_ids(
    number: u32,
    input: &mut Reader<'_>,
) -> Result<BTreeMap<ReplicaId, OpId>, WireError> {
    let mut ids = BTreeMap::new();
    let mut present = input.take(number, WireType::Len)?;
    while present {
        let id = input.enclosed(|input| read_id(1, input))?;
        if ids.last_key_value().is_some_and(|(last, _)| *last >= id.dot.replica) {
            return Err(WireError::Unsorted { number });
        }
        ids.insert(id.dot.replica, id);
        present = input.take_again(WireType::Len)?;
    }
    Ok(ids)
}
