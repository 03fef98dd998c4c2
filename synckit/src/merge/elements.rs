//! Elements of sets, each with what a rule keeps of it.

use std::collections::BTreeMap;

use crate::id::{Dot, ReplicaId};
use crate::merge::bytes::{encoded, read_id, write_id};
use crate::merge::shelf::{Shelf, ShelfPlace};
use crate::merge::{At, OpId};
use crate::wire::{self, Reader, Value, WireError, WireType, Writer};

/// Values of type `V` by element, or by key. Copies share most of it, and an edit costs what it changes.
///
/// Elements that their type calls equal are kept apart by their bytes, so that it does not matter
/// which of them was folded first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Elements<T, V> {
    /// Ascending by element, and by bytes.
    kept: Shelf<KeptElement<T, V>>,
}

#[derive(Clone, Debug, PartialEq)]
struct KeptElement<T, V> {
    element: T,
    bytes: Vec<u8>,
    value: V,
}

/// One operation of each author: its last of some kind, because whoever had seen that had seen those
/// before, or its first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AuthorIds(BTreeMap<ReplicaId, OpId>);

impl<T, V> Default for Elements<T, V> {
    fn default() -> Self {
        Self { kept: Shelf::default() }
    }
}

impl<T: Value + Ord, V: Clone + Default> Elements<T, V> {
    /// The place of an element, or where it would be.
    fn place(&self, element: &T, bytes: &[u8]) -> ShelfPlace {
        let order =
            |kept: &KeptElement<T, V>| kept.element.cmp(element).then((*kept.bytes).cmp(bytes));
        self.kept.find(|kept| order(kept).is_lt())
    }

    fn found(&self, place: ShelfPlace, element: &T, bytes: &[u8]) -> Option<&V> {
        let kept = self.kept.get(place)?;
        let is_it = kept.bytes == bytes && kept.element.cmp(element).is_eq();
        is_it.then_some(&kept.value)
    }

    /// The value of an element; `None` when there is none, and of one that no event could carry.
    pub(super) fn get(&self, element: &T) -> Option<&V> {
        let bytes = encoded(element).ok()?;
        self.found(self.place(element, &bytes), element, &bytes)
    }

    /// Changes the value of an element, or of one that begins with the default, and keeps it if the
    /// change says so. One that no event could carry is left.
    pub(super) fn change(&mut self, element: T, change: impl FnOnce(&mut V) -> bool) {
        let Ok(bytes) = encoded(&element) else { return };
        let place = self.place(&element, &bytes);
        if self.found(place, &element, &bytes).is_some() {
            return self.change_at(place, change);
        }
        let mut value = V::default();
        if change(&mut value) {
            self.kept.insert(place, KeptElement { element, bytes, value });
        }
    }

    /// Keeps what `keep` wants of the elements that equal this one.
    pub(super) fn retain_equal(&mut self, element: &T, mut keep: impl FnMut(&mut V) -> bool) {
        let equal: Vec<_> = self.range(element).map(|kept| kept.bytes.clone()).collect();
        for bytes in equal {
            self.change_at(self.place(element, &bytes), &mut keep);
        }
    }

    /// Changes the value at a place, and removes it if the change says so.
    fn change_at(&mut self, place: ShelfPlace, change: impl FnOnce(&mut V) -> bool) {
        if let Some(kept) = self.kept.get_mut(place)
            && !change(&mut kept.value)
        {
            self.kept.remove(place);
        }
    }

    /// The values of the elements that equal this one.
    pub(super) fn equal(&self, element: &T) -> impl Iterator<Item = &V> {
        self.range(element).map(|kept| &kept.value)
    }

    fn range(&self, element: &T) -> impl Iterator<Item = &KeptElement<T, V>> {
        let equal = self.kept.from(self.place(element, &[]));
        equal.take_while(move |kept| kept.element.cmp(element).is_eq())
    }

    /// Keeps what `keep` wants, by the bytes of the elements.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&[u8], &mut V) -> bool) {
        self.kept.retain(|kept| keep(&kept.bytes, &mut kept.value));
    }

    /// The values, by the bytes of their elements, in the order of the elements.
    pub(super) fn by_bytes(&self) -> impl Iterator<Item = (&Vec<u8>, &V)> {
        self.kept.iter().map(|kept| (&kept.bytes, &kept.value))
    }

    /// The elements in their order, equal ones side by side.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&T, &V)> {
        self.kept.iter().map(|kept| (&kept.element, &kept.value))
    }

    /// Writes each element as field 1 of a field `number`, in the order of their bytes, and with it
    /// what `write` writes.
    pub(super) fn write(&self, number: u32, out: &mut Writer, write: impl Fn(&V, &mut Writer)) {
        let mut kept: Vec<_> = self.by_bytes().collect();
        kept.sort_unstable_by_key(|(bytes, _)| *bytes);
        for (bytes, value) in kept {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                out.tag(1, T::WIRE);
                out.raw(bytes);
                write(value, out);
            });
        }
    }

    /// Reads what [`Elements::write`] wrote.
    pub(super) fn read(
        number: u32,
        input: &mut Reader<'_>,
        read: impl Fn(&mut Reader<'_>) -> Result<V, WireError>,
    ) -> Result<Self, WireError> {
        let mut elements = Self::default();
        let mut last: Option<Vec<u8>> = None;
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let (element, value) = input.enclosed(|input| {
                let element = <T as wire::Field>::read_field(1, input)?;
                Ok((element, read(input)?))
            })?;
            let bytes = encoded(&element)?;
            if last.is_some_and(|last| last >= bytes) {
                return Err(WireError::Unsorted { number });
            }
            last = Some(bytes.clone());
            let place = elements.place(&element, &bytes);
            elements.kept.insert(place, KeptElement { element, bytes, value });
            present = input.take_again(WireType::Len)?;
        }
        Ok(elements)
    }
}

impl AuthorIds {
    /// The events that carried them.
    pub(super) fn dots(&self) -> impl Iterator<Item = Dot> {
        self.0.values().map(|id| id.dot)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the operation as its author's last.
    pub(crate) fn insert(&mut self, at: &At<'_>) {
        self.0.insert(at.id().dot.replica, at.id());
    }

    /// Keeps the operation, unless a later one of its author's is kept.
    pub(super) fn reach(&mut self, id: OpId) {
        let last = self.0.entry(id.dot.replica).or_insert(id);
        *last = id.max(*last);
    }

    /// Keeps the operation, unless one of its author's is kept.
    pub(crate) fn insert_first(&mut self, at: &At<'_>) {
        self.0.entry(at.id().dot.replica).or_insert(at.id());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = OpId> {
        self.0.values().copied()
    }

    /// Drops those that the author of the operation had seen.
    pub(crate) fn forget(&mut self, at: &At<'_>) {
        self.0.retain(|_, id| !at.saw(*id));
    }

    pub(crate) fn write(&self, number: u32, out: &mut Writer) {
        for id in self.0.values() {
            out.tag(number, WireType::Len);
            out.enclosed(|out| write_id(1, *id, out));
        }
    }

    pub(crate) fn read(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
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
        Ok(Self(ids))
    }
}
