//! The items of a list, their places and their values.

use std::ops::Range;

use crate::id::Dot;
use crate::merge::cursor::{Bias, SequenceCursor};
use crate::merge::sequence::{
    Element, Sequence, SequenceElement, SequencePlace, SequenceRanges, StoredSequence,
};
use crate::merge::shelf::Shelf;
use crate::merge::{At, Heads, MergeState, OpenConflicts, Undoing};
use crate::wire::{Field as _, Reader, Value, WireError, WireType, Writer};

/// The items: their places as a sequence, with the values of those at which items are.
///
/// An item is the element that its insertion made. One that was never moved is at that place; one that was
/// moved, at the place of its last move. Nothing more is kept of items that were neither moved nor set, and
/// of those that were taken out.
#[derive(Clone, Debug)]
pub struct ListState<T> {
    places: Sequence<Vec<T>>,
    /// Those that were moved or set, ascending.
    edited: Shelf<EditedItem<T>>,
    /// The places of moves that no other move has seen, ascending, and the items that they are of.
    moves: Shelf<(Element, Element)>,
}

/// An item that was moved or set.
#[derive(Clone, Debug)]
struct EditedItem<T> {
    item: Element,
    values: Heads<T>,
    /// The moves: the number of the place among its author's elements.
    places: Heads<u32>,
}

impl<T> Default for ListState<T> {
    fn default() -> Self {
        Self { places: Sequence::default(), edited: Shelf::default(), moves: Shelf::default() }
    }
}

/// Equal states have equal bytes.
impl<T: Value> PartialEq for ListState<T> {
    fn eq(&self, other: &Self) -> bool {
        self.places.resembles(&other.places) && self.written() == other.written()
    }
}

impl<T: Value> ListState<T> {
    pub(super) fn insert(&mut self, place: &SequencePlace, values: Vec<T>, at: &At<'_>) {
        self.places.insert(place, values.len(), Some(values), at);
    }

    pub(super) fn remove(&mut self, ranges: &SequenceRanges, at: &At<'_>) {
        for range in ranges.iter() {
            for (first, count) in self.places.range(range, at) {
                self.take_out(first, count);
            }
        }
    }

    /// Takes out the items that the author of an operation had seen.
    pub(super) fn reset(&mut self, at: &At<'_>) {
        for (first, count) in self.places.seen(at) {
            self.take_out(first, count);
        }
    }

    /// Takes out items of one writer.
    fn take_out(&mut self, first: Element, count: u32) {
        // Places of moves among them are no items.
        let end = first.n.saturating_add(count);
        let of_it = |element: &Element| element.writer == first.writer && element.n < end;
        let begin = self.moves.find(|(place, _)| *place < first);
        let moves: Vec<_> =
            self.moves.from(begin).map(|(place, _)| *place).take_while(of_it).collect();
        let mut from = first.n;
        for place in moves.iter().map(|place| place.n).chain([end]) {
            self.places.kill(Element { n: from, ..first }, place - from);
            from = place.saturating_add(1);
        }
        loop {
            let place = self.edited.find(|edited| edited.item < first);
            let Some(edited) = self.edited.get(place).filter(|it| of_it(&it.item)).cloned() else {
                break;
            };
            self.edited.remove(place);
            for slot in self.slots(&edited) {
                self.places.kill(slot, 1);
                self.forget_move(slot);
            }
        }
    }

    /// The places of the moves that no other has seen, the last move's first.
    fn slots(&self, edited: &EditedItem<T>) -> Vec<Element> {
        let slot = |head: &crate::merge::Head<u32>| {
            self.places.of_writer(&head.id.dot.replica, head.value)
        };
        edited.places.iter().filter_map(slot).collect()
    }

    fn forget_move(&mut self, slot: Element) {
        let place = self.moves.find(|(place, _)| *place < slot);
        if self.moves.get(place).is_some_and(|(place, _)| *place == slot) {
            self.moves.remove(place);
        }
    }

    /// The item at a place.
    fn item_at(&self, slot: Element) -> Element {
        let place = self.moves.find(|(place, _)| *place < slot);
        let moved = self.moves.get(place).filter(|(place, _)| *place == slot);
        moved.map_or(slot, |(_, item)| *item)
    }

    fn edited(&self, item: Element) -> Option<&EditedItem<T>> {
        let place = self.edited.find(|edited| edited.item < item);
        self.edited.get(place).filter(|edited| edited.item == item)
    }

    /// The place at which an item is; `None` when it is taken out, or no item.
    fn slot(&self, item: Element) -> Option<Element> {
        let moved = self.edited(item).and_then(|edited| self.slots(edited).first().copied());
        let slot = moved.unwrap_or(item);
        (self.item_at(slot) == item && self.places.is_alive(slot)).then_some(slot)
    }

    /// Changes what is kept of an item.
    fn edit(&mut self, item: Element, change: impl FnOnce(&mut EditedItem<T>)) {
        let place = self.edited.find(|edited| edited.item < item);
        if self.edited.get(place).is_none_or(|edited| edited.item != item) {
            let new = EditedItem { item, values: Heads::default(), places: Heads::default() };
            self.edited.insert(place, new);
        }
        let place = self.edited.find(|edited| edited.item < item);
        if let Some(edited) = self.edited.get_mut(place) {
            change(edited);
        }
    }

    pub(super) fn set(&mut self, item: &SequenceElement, value: T, at: &At<'_>) {
        let Some(item) = self.places.find(item, at) else { return };
        let Some(slot) = self.slot(item) else { return };
        self.edit(item, |edited| edited.values.write(value, at));
        let shown = self.edited(item).and_then(|edited| edited.values.last());
        if let Some(value) = shown.map(|head| head.value.clone()) {
            self.places.replace(slot, vec![value]);
        }
    }

    pub(super) fn move_to(&mut self, item: &SequenceElement, place: &SequencePlace, at: &At<'_>) {
        let item = self.places.find(item, at);
        // The place is there, whatever becomes of the item: others may be put beside it.
        let Some(new) = self.places.insert(place, 1, None, at) else { return };
        let Some((item, old)) = item.and_then(|item| Some((item, self.slot(item)?))) else {
            return;
        };
        let before = self.edited(item).map(|edited| self.slots(edited)).unwrap_or_default();
        self.edit(item, |edited| edited.places.write(new.n, at));
        let after = self.edited(item).map(|edited| self.slots(edited)).unwrap_or_default();
        before
            .into_iter()
            .filter(|slot| !after.contains(slot))
            .for_each(|slot| self.forget_move(slot));
        self.moves.insert(self.moves.find(|(place, _)| *place < new), (new, item));
        if let Some(slot) = after.first().filter(|slot| **slot != old)
            && let Some(value) = self.places.kill_one(old)
        {
            self.places.revive(*slot, value);
        }
    }

    pub(super) fn values(&self) -> Vec<T> {
        self.places.content().flatten().cloned().collect()
    }

    pub(super) fn get(&self, at: usize) -> Option<T> {
        self.places.content_at(at).and_then(|values| values.first().cloned())
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn conflicts(&self, open: &mut OpenConflicts<'_, '_>) {
        let several = self.edited.iter().filter(|edited| edited.values.as_slice().len() > 1);
        let mut placed: Vec<_> = several
            .filter_map(|edited| Some((self.places.index(self.slot(edited.item)?)?, edited)))
            .collect();
        placed.sort_by_key(|(index, _)| *index);
        for (index, edited) in placed {
            edited.values.conflicts(edited.values.last(), &mut open.entry(&index));
        }
    }

    pub(super) fn known(&self, dots: impl Iterator<Item = Dot>) -> Vec<Dot> {
        self.places.known(dots)
    }

    pub(super) fn last_insertions(&self) -> impl Iterator<Item = Dot> {
        let values = self.edited.iter().flat_map(|edited| edited.values.iter());
        self.places.last_insertions().chain(values.map(|head| head.id.dot))
    }
}

/// For edits.
impl<T: Value> ListState<T> {
    pub(super) fn place_at(&self, at: usize, next: Option<Dot>) -> Option<SequencePlace> {
        self.places.place_at(at, next)
    }

    /// The name of the item at a position. It tells the author also of an own one, so that what the
    /// operation depends on is found by it.
    pub(super) fn name_at(&self, at: usize) -> Option<SequenceElement> {
        self.places.name(self.item_at(self.places.element_at(at)?), None)
    }

    pub(super) fn ranges(&self, range: Range<usize>, next: Option<Dot>) -> Vec<SequenceRanges> {
        let slots = range.start..range.end.min(self.len());
        let items = slots.filter_map(|at| self.places.element_at(at));
        self.places.ranges_of(items.map(|slot| (self.item_at(slot), 1)).collect(), next)
    }

    pub(super) fn cursor(&self, at: usize, bias: Bias) -> SequenceCursor {
        SequenceCursor::at(&self.places, at, bias)
    }

    pub(super) fn position(&self, cursor: &SequenceCursor) -> Option<usize> {
        cursor.position(&self.places)
    }

    pub(super) fn value_heads(&self, item: &SequenceElement) -> Vec<Dot> {
        let edited = self.places.named(item).and_then(|item| self.edited(item));
        edited.map(|edited| edited.values.dots()).unwrap_or_default()
    }

    pub(super) fn place_heads(&self, item: &SequenceElement) -> Vec<Dot> {
        let edited = self.places.named(item).and_then(|item| self.edited(item));
        edited.map(|edited| edited.places.dots()).unwrap_or_default()
    }
}

/// For taking back what an event did. This is the list as it is now, unless another one is.
impl<T: Value> ListState<T> {
    pub(super) fn left_of(&self, event: Dot) -> Vec<SequenceRanges> {
        let items = self.places.inserted_by(event).filter(|item| self.slot(*item).is_some());
        self.places.ranges_of(items.map(|item| (item, 1)).collect(), None)
    }

    /// The items that an event took out and that are not there, run by run, and the places from which it took it. This is
    /// the list as the author of the event saw it.
    pub(super) fn taken_out(
        &self,
        now: &Self,
        ranges: &SequenceRanges,
        event: Dot,
    ) -> Vec<(Vec<T>, SequencePlace)> {
        let items = self.places.named_by(ranges, event);
        let slots = items.into_iter().filter_map(|item| self.slot(item));
        let mut placed: Vec<_> =
            slots.filter_map(|slot| Some((self.places.index(slot)?, slot))).collect();
        placed.sort_unstable();
        let mut runs: Vec<(Vec<T>, Element)> = Vec::new();
        for (at, slot) in placed {
            let Some(value) = self.get(at) else { continue };
            match runs.last_mut() {
                Some((values, last)) if last.writer == slot.writer && last.n + 1 == slot.n => {
                    values.push(value);
                    *last = slot;
                }
                _ => runs.push((vec![value], slot)),
            }
        }
        let place = |(values, last): (Vec<T>, Element)| {
            let there = now.places.same(&self.places, last)?;
            (!now.places.is_alive(there)).then_some(())?;
            Some((values, now.places.place_behind_element(there)?))
        };
        runs.into_iter().filter_map(place).collect()
    }

    pub(super) fn value_before(
        &self,
        now: &Self,
        item: &SequenceElement,
        by: &Undoing,
    ) -> Option<(SequenceElement, T)> {
        let (mine, there) = self.pair(now, item, by)?;
        let last = now.edited(there)?.values.last()?;
        let value = self.get(self.places.index(self.slot(mine)?)?)?;
        by.made(last.id.dot).then_some((now.places.name(there, None)?, value))
    }

    pub(super) fn place_before(
        &self,
        now: &Self,
        item: &SequenceElement,
        by: &Undoing,
    ) -> Option<(SequenceElement, SequencePlace)> {
        let (mine, there) = self.pair(now, item, by)?;
        let last = now.edited(there)?.places.last()?;
        let slot = now.places.same(&self.places, self.slot(mine)?)?;
        let place = now.places.place_behind_element(slot)?;
        by.made(last.id.dot).then_some((now.places.name(there, None)?, place))
    }

    /// An item here and in the list as it is, if it is there.
    fn pair(&self, now: &Self, item: &SequenceElement, by: &Undoing) -> Option<(Element, Element)> {
        let mine = self.places.element_for(*item, by.event())?;
        let there = now.places.same(&self.places, mine)?;
        now.slot(there).map(|_| (mine, there))
    }
}

impl<T: Value> ListState<T> {
    fn write(&self, out: &mut Writer) {
        self.places.write(out);
        self.values().write_field(3, out);
        let mut edited: Vec<_> =
            self.edited.iter().map(|edited| (self.places.order(edited.item), edited)).collect();
        edited.sort_unstable_by_key(|(order, _)| *order);
        for ((rank, n), edited) in edited {
            out.tag(4, WireType::Len);
            out.enclosed(|out| {
                rank.write_field(1, out);
                n.write_field(2, out);
                edited.values.write_field(3, out);
                edited.places.write_field(4, out);
            });
        }
    }

    fn written(&self) -> Vec<u8> {
        let mut out = Writer::new();
        self.write(&mut out);
        out.written().to_vec()
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        const INVALID: WireError = WireError::Invalid { expected: "list of items" };
        let stored = StoredSequence::read(input)?;
        let values = Vec::<T>::read_field(3, input)?;
        if values.len() != stored.alive() {
            return Err(INVALID);
        }
        let mut list =
            Self { places: stored.with(values), edited: Shelf::default(), moves: Shelf::default() };
        let mut present = input.take(4, WireType::Len)?;
        while present {
            let edited = input.enclosed(|input| {
                let item =
                    Element { writer: u32::read_field(1, input)?, n: u32::read_field(2, input)? };
                let values = Heads::read_field(3, input)?;
                Ok(EditedItem { item, values, places: Heads::read_field(4, input)? })
            })?;
            let slots = list.slots(&edited);
            let are_there = slots.len() == edited.places.as_slice().len();
            let is_kept = are_there && (!slots.is_empty() || edited.values.last().is_some());
            if !is_kept || !list.places.has(edited.item) {
                return Err(INVALID);
            }
            let item = edited.item;
            let place = list.edited.find(|edited| edited.item < item);
            list.edited.insert(place, edited);
            for slot in slots {
                list.moves.insert(list.moves.find(|(place, _)| *place < slot), (slot, item));
            }
            if list.slot(item).is_none() {
                return Err(INVALID);
            }
            present = input.take_again(WireType::Len)?;
        }
        Ok(list)
    }
}

impl<T: Value> MergeState for ListState<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        if !self.places.is_fresh() {
            out.tag(number, WireType::Len);
            out.enclosed(|out| self.write(out));
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        input.enclosed(|input| {
            let whole = input.rest();
            let list = Self::read(input)?;
            // Runs that could be joined, references that could be shorter, records out of order.
            if list.written() == whole { Ok(list) } else { Err(WireError::Unsorted { number }) }
        })
    }
}
