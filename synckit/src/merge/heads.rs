//! Concurrent heads: the writes of a register that no other write's author had seen.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::clock::Hlc;
use crate::conflict::Write;
use crate::id::Dot;
use crate::merge::bytes::{encoded_field, read_id, write_id};
use crate::merge::{At, MergeState, OpId, OpenConflicts, Undoing};
use crate::policy::Marks;
use crate::wire::{Field, Reader, WireError, WireType, Writer};

/// A write, and when and by whom it was made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Head<T> {
    /// The value written.
    pub value: T,
    /// The author's hybrid clock.
    pub hlc: Hlc,
    /// The operation.
    pub id: OpId,
    /// The verdicts of a policy's rules about it.
    pub(super) marks: Marks,
}

/// The writes that no other operation's author had seen, the greatest in the total order first.
///
/// That sentence names no order of arrival, so the heads are a function of the set of operations:
/// when an operation is folded, everything that its author had seen has been folded. There is at
/// most one head for each author.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads<T> {
    heads: Vec<Head<T>>,
}

impl<T> Default for Heads<T> {
    fn default() -> Self {
        Self { heads: Vec::new() }
    }
}

impl<T> Head<T> {
    const fn order(&self) -> (Hlc, OpId) {
        (self.hlc, self.id)
    }
}

impl<T: Field> Head<T> {
    pub(super) fn to_write(&self) -> Write {
        Write::new(&self.value, self.hlc, self.id.dot)
    }
}

impl<T> Heads<T> {
    /// The heads, the greatest in the total order first.
    pub fn iter(&self) -> impl Iterator<Item = &Head<T>> {
        self.heads.iter()
    }

    /// The heads, the greatest in the total order first.
    pub fn as_slice(&self) -> &[Head<T>] {
        &self.heads
    }

    /// The greatest head.
    pub fn last(&self) -> Option<&Head<T>> {
        self.heads.first()
    }

    /// Folds a write.
    pub fn write(&mut self, value: T, at: &At<'_>) {
        self.put(value, at, Marks::default());
    }

    /// Folds a write of a field among whose writes a policy may choose.
    pub(super) fn write_to_choose(&mut self, value: T, at: &At<'_>) {
        self.put(value, at, at.marks());
    }

    fn put(&mut self, value: T, at: &At<'_>, marks: Marks) {
        self.forget(at);
        let new = Head { value, hlc: at.hlc(), id: at.id(), marks };
        let place = self.heads.partition_point(|head| head.order() > new.order());
        self.heads.insert(place, new);
    }

    /// The heads that a policy leaves to the field's own rule, the greatest first, and the rule of the
    /// policy that took others away.
    pub(super) fn standing(&self) -> (Cow<'_, [Head<T>]>, Option<u16>)
    where
        T: Clone,
    {
        if self.heads.len() < 2 || self.heads.iter().all(|head| head.marks.is_empty()) {
            return (Cow::Borrowed(&self.heads), None);
        }
        let (left, by) = Marks::choose(self.heads.iter().map(|head| &head.marks));
        let left = left.into_iter().filter_map(|place| self.heads.get(place).cloned());
        (left.collect(), by)
    }

    /// The events that made them.
    pub(super) fn dots(&self) -> Vec<Dot> {
        self.heads.iter().map(|head| head.id.dot).collect()
    }

    /// Drops the writes that the author of the operation had seen.
    pub fn forget(&mut self, at: &At<'_>) {
        self.heads.retain(|head| !at.saw(head.id));
    }
}

impl<T: Field> Heads<T> {
    /// The heads once a commit's write of a value is taken back: those of others beside it, or what its
    /// author had seen `before` it. `None` when nothing is left of it.
    pub(super) fn without(&self, value: &T, by: &Undoing, before: &Self) -> Option<Self> {
        // What the same edit has given back of a later write of the commit is an earlier one's.
        let is_back = |head: &Head<T>| encoded_field(&head.value).ok() == encoded_field(value).ok();
        let mut made = self.heads.iter().filter(|head| by.made(head.id.dot));
        made.find(|head| !by.is_of_edit(head.id.dot) || is_back(head))?;
        let others = self.heads.iter().filter(|head| !by.made(head.id.dot));
        let others = Self { heads: others.cloned().collect() };
        Some(if others.heads.is_empty() { before.clone() } else { others })
    }

    /// The values of the heads, byte for byte different ones, the greatest head's first.
    pub fn distinct(&self) -> Vec<&T> {
        distinct(&self.heads, |value| value)
    }

    /// Notes all heads as in conflict, unless they hold the same value, with the one that a policy lets
    /// hold.
    pub fn unsettled(&self, open: &mut OpenConflicts<'_, '_>) {
        self.unsettled_as(open, Head::to_write);
    }

    /// Notes all heads as in conflict, unless `value` says the same of them, with the one that a policy
    /// lets hold.
    pub(super) fn unsettled_as(
        &self,
        open: &mut OpenConflicts<'_, '_>,
        value: impl Fn(&Head<T>) -> Write,
    ) {
        if self.heads.len() < 2 {
            return;
        }
        let all: Vec<_> = self.heads.iter().map(&value).collect();
        if all.iter().all(|write| write.value == all[0].value) {
            return;
        }
        let (standing, by) = self.standing();
        let mut standing: Vec<_> = standing.iter().map(value).collect();
        let holds = standing.iter().all(|write| write.value == standing[0].value);
        let winner = holds.then(|| standing.swap_remove(0));
        open.note_chosen(by, winner, all);
    }

    /// Notes the heads that hold another value than `winner`, which is one of them.
    pub fn conflicts(&self, winner: Option<&Head<T>>, open: &mut OpenConflicts<'_, '_>) {
        if self.heads.len() > 1 {
            let losers = self.heads.iter().map(Head::to_write).collect();
            open.note(winner.map(Head::to_write), losers);
        }
    }
}

/// The values that `of` takes from the heads, byte for byte different ones, the greatest head's first.
pub(super) fn distinct<T, V: Field>(heads: &[Head<T>], of: impl Fn(&T) -> &V) -> Vec<&V> {
    let mut met = BTreeSet::new();
    let is_new = |value: &&V| heads.len() == 1 || met.insert(encoded_field(*value).ok());
    heads.iter().map(|head| of(&head.value)).filter(is_new).collect()
}

impl<T: Field> MergeState for Heads<T> {
    fn write_field(&self, number: u32, out: &mut Writer) {
        for head in &self.heads {
            out.tag(number, WireType::Len);
            out.enclosed(|out| {
                head.hlc.to_bits().write_field(1, out);
                write_id(2, head.id, out);
                head.value.write_field(5, out);
                head.marks.write(6, out);
            });
        }
    }

    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut heads: Vec<Head<T>> = Vec::new();
        let mut present = input.take(number, WireType::Len)?;
        while present {
            let head = input.enclosed(|input| {
                let hlc = Hlc::from_bits(u64::read_field(1, input)?);
                let (id, value) = (read_id(2, input)?, T::read_field(5, input)?);
                Ok(Head { hlc, id, value, marks: Marks::read(6, input)? })
            })?;
            let same_author = |other: &Head<T>| other.id.dot.replica == head.id.dot.replica;
            if heads.last().is_some_and(|last| last.order() <= head.order())
                || heads.iter().any(same_author)
            {
                return Err(WireError::Unsorted { number });
            }
            heads.push(head);
            present = input.take_again(WireType::Len)?;
        }
        Ok(Self { heads })
    }
}
