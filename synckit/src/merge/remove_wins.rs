//! `#[merge(set(remove_wins))]`: a set whose removals win over concurrent insertions.
//!
//! Of each element the state keeps the operations that no opposite one had seen: the insertions that
//! no removal's author had seen, and the removals that no insertion's author had seen. The element is
//! in the set while there are insertions and no removals. Where both are left they are concurrent,
//! and the insertions have lost. Removed elements leave their last removals behind, one for each author.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Hlc;
use crate::conflict::Write;
use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{read_id, write_id};
use crate::merge::elements::Elements;
use crate::merge::{
    At, EntryRule, Given, Handle, Law, MergeState, OpId, OpenConflicts, Reads, RestsOn, Rule,
    SetField, SetOp, Undoing,
};
use crate::wire::{Field, Reader, Shape, Value, WireError, WireType, Writer};

/// A removal wins over insertions whose authors had not seen it.
#[derive(Debug)]
#[non_exhaustive]
pub enum RemoveWinsSet {}

/// The operations on each element that no opposite one's author had seen.
///
/// Elements that their type calls equal are kept apart by their bytes; the field shows one of them,
/// and operations on one count for all.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoveWinsState<T: Ord> {
    elements: Elements<T, Sides>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Sides {
    inserted: LastOps,
    removed: LastOps,
}

/// Each author's last operation of one kind, and its clock reading.
#[derive(Clone, Debug, Default, PartialEq)]
struct LastOps(BTreeMap<ReplicaId, (Hlc, OpId)>);

impl LastOps {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn dots(&self) -> impl Iterator<Item = Dot> {
        self.0.values().map(|(_, id)| id.dot)
    }

    fn insert(&mut self, at: &At<'_>) {
        self.0.insert(at.id().dot.replica, at.order());
    }

    fn forget(&mut self, at: &At<'_>) {
        self.0.retain(|_, (_, id)| !at.saw(*id));
    }

    /// The operations as writes of the element, the greatest in the total order first.
    fn writes<T: Field>(&self, element: &T) -> impl Iterator<Item = Write> {
        let mut ops: Vec<_> = self.0.values().copied().collect();
        ops.sort_unstable();
        ops.into_iter().rev().map(|(hlc, id)| Write::new(element, hlc, id.dot))
    }

    fn write(&self, number: u32, out: &mut Writer) {
        for (hlc, id) in self.0.values() {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                hlc.to_bits().write_field(1, out);
                write_id(2, *id, out);
            });
        }
    }

    fn read(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut ops = BTreeMap::new();
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let (hlc, id) = input.enclosed(|input| {
                Ok((Hlc::from_bits(u64::read_field(1, input)?), read_id(2, input)?))
            })?;
            if ops.last_key_value().is_some_and(|(last, _)| *last >= id.dot.replica) {
                return Err(WireError::Unsorted { number });
            }
            ops.insert(id.dot.replica, (hlc, id));
            present = input.take_again(WireType::Len)?;
        }
        Ok(Self(ops))
    }
}

impl Sides {
    fn is_left(&self) -> bool {
        !self.inserted.is_empty() || !self.removed.is_empty()
    }
}

impl<T: Ord> Default for RemoveWinsState<T> {
    fn default() -> Self {
        Self { elements: Elements::default() }
    }
}

impl<T: Value + Ord> RemoveWinsState<T> {
    fn insert(&mut self, element: T, at: &At<'_>) {
        self.elements.retain_equal(&element, |sides| {
            sides.removed.forget(at);
            sides.is_left()
        });
        self.elements.change(element, |sides| {
            sides.inserted.insert(at);
            true
        });
    }

    fn remove(&mut self, element: T, at: &At<'_>) {
        self.elements.retain_equal(&element, |sides| {
            sides.inserted.forget(at);
            sides.is_left()
        });
        self.elements.change(element, |sides| {
            sides.removed.insert(at);
            true
        });
    }

    fn contains(&self, element: &T) -> bool {
        let inserted = self.elements.equal(element).any(|sides| !sides.inserted.is_empty());
        inserted && self.elements.equal(element).all(|sides| sides.removed.is_empty())
    }
}

impl<T: Value + Ord> RemoveWinsState<T> {
    /// Insertions have lost where removals are left beside them.
    fn conflict(&self, element: &T, open: &mut OpenConflicts<'_, '_>) {
        let sides = || self.elements.equal(element);
        if sides().all(|sides| sides.removed.is_empty())
            || sides().all(|sides| sides.inserted.is_empty())
        {
            return;
        }
        let removal = sides().flat_map(|sides| sides.removed.writes(element)).max_by_key(order);
        let insertions = sides().flat_map(|sides| sides.inserted.writes(element)).collect();
        open.entry(element).note_all(removal, insertions);
    }
}

const fn order(write: &Write) -> (Hlc, Dot) {
    (write.hlc, write.dot)
}

impl<F: SetField> Rule<F> for RemoveWinsSet {
    const LAW: Law = Law::new("set(remove_wins)");
    const SHAPE: Shape = F::SHAPE;
    type Op = SetOp<F::Element>;
    type State = RemoveWinsState<F::Element>;

    fn fold(state: &mut Self::State, op: Self::Op, at: &At<'_>) {
        match op {
            SetOp::Inserted(element) => state.insert(element, at),
            SetOp::Removed(element) => state.remove(element, at),
        }
    }

    fn value(state: &Self::State) -> F {
        let inserted = state.elements.iter().filter(|(_, sides)| !sides.inserted.is_empty());
        let inserted = inserted.map(|(element, _)| element);
        F::from_elements(inserted.filter(|element| state.contains(element)))
    }

    fn conflicts(state: &Self::State, open: &mut OpenConflicts<'_, '_>) {
        let mut last: Option<&F::Element> = None;
        for (element, _) in state.elements.iter() {
            if last.is_none_or(|last| last.cmp(element).is_ne()) {
                state.conflict(element, open);
            }
            last = Some(element);
        }
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        value.elements().for_each(|element| record(SetOp::Inserted(element.clone())));
    }

    fn depends(state: &Self::State, op: &Self::Op) -> Option<Vec<Dot>> {
        let dots: fn(&Sides) -> Vec<Dot> = match op {
            SetOp::Inserted(_) => |sides| sides.removed.dots().collect(),
            SetOp::Removed(_) => |sides| sides.inserted.dots().collect(),
        };
        let (SetOp::Inserted(element) | SetOp::Removed(element)) = op;
        Some(state.elements.equal(element).flat_map(dots).collect())
    }

    fn rests_on(state: &Self::State) -> RestsOn {
        let shown = state.elements.iter().filter(|(element, _)| state.contains(element));
        let ids = shown.flat_map(|(_, sides)| sides.inserted.0.values());
        RestsOn::Events(ids.map(|(_, id)| id.dot).collect())
    }

    fn undo(
        op: &Self::Op,
        by: &Undoing,
        before: &Self::State,
        now: &Self::State,
    ) -> Option<Vec<Self::Op>> {
        let is_own = |element: &_| {
            let inserted = now.elements.equal(element).flat_map(|sides| sides.inserted.dots());
            inserted.into_iter().all(|dot| by.made(dot))
        };
        let is_in = |element: &_| now.contains(element);
        Some(op.undo(|element| before.contains(element), is_in, is_own))
    }
}

impl<F: SetField> EntryRule<F> for RemoveWinsSet {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.elements.retain(|_, sides| {
            sides.inserted.forget(at);
            sides.removed.forget(at);
            sides.is_left()
        });
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        let sides = state.elements.iter().map(|(_, sides)| sides);
        Some(sides.flat_map(|of| of.inserted.dots().chain(of.removed.dots())).collect())
    }

    fn affirms(op: &Self::Op) -> bool {
        matches!(op, SetOp::Inserted(_))
    }
}

impl<T: Clone + Send + Sync + 'static, M> Handle<'_, BTreeSet<T>, RemoveWinsSet, M> {
    /// Puts an element into the set, unless someone takes it out concurrently.
    pub fn insert(&self, element: impl Given<T>) {
        self.put(SetOp::Inserted(element.given()));
    }

    /// Takes an element out of the set, also against concurrent insertions.
    pub fn remove(&self, element: impl Given<T>) {
        self.put(SetOp::Removed(element.given()));
    }
}

impl<T: Value + Ord> Handle<'_, BTreeSet<T>, RemoveWinsSet, Reads> {
    /// True when the set holds the element, this edit's own changes included.
    pub fn contains(&self, element: impl Given<T>) -> bool {
        let element = element.given();
        self.inspect(|state| state.contains(&element))
    }
}

impl<T: Value + Ord> MergeState for RemoveWinsState<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        self.elements.write(number, out, |sides, out| {
            sides.inserted.write(2, out);
            sides.removed.write(3, out);
        });
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let elements = Elements::read(number, input, |input| {
            let sides =
                Sides { inserted: LastOps::read(2, input)?, removed: LastOps::read(3, input)? };
            if sides.is_left() { Ok(sides) } else { Err(WireError::Missing { number: 2 }) }
        })?;
        Ok(Self { elements })
    }
}
