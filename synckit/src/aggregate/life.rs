//! The lives of an aggregate: creation, deletion, and creation again.
//!
//! Each creation after a deletion begins another *life*, numbered from 1; the first one is number 0.
//! An event belongs to the life of the latest such creation that its author had seen. An aggregate is
//! what the events of its last life make of it: those of earlier lives change nothing, whenever they
//! arrive. So a deletion need not know what it takes away, and creation begins afresh under every rule.
//!
//! All of it is a function of the set of events: the number of a life stands in the event that begins
//! it, causes arrive first, and of each author only the first such event is kept, which whoever had
//! seen a later one had seen too.

use crate::id::Dot;
use crate::merge::{At, AuthorIds};
use crate::wire::{Field, Reader, WireError, WireType, Writer};

/// The outcome of a deletion and an edit of which neither author had seen the other.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_enums, reason = "another outcome is another rule")]
pub enum OnDelete {
    /// The aggregate is deleted.
    #[default]
    DeleteWins,
    /// The aggregate is kept, with all that it had.
    EditWins,
}

/// The number of the life that a creation begins: from 1 after a deletion, and none before.
pub type LifeNumber = Option<u64>;

/// The last life of an aggregate, as far as events are folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Life {
    number: u64,
    /// Of each author the first event that began it; none of the first life.
    begun: AuthorIds,
    /// A deletion of this life is folded.
    deleted: bool,
    /// Of each author the last edit that no deletion had seen, where edits win.
    unseen: AuthorIds,
}

impl Life {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// True when the aggregate is deleted.
    pub(super) fn is_over(&self, on_delete: OnDelete) -> bool {
        self.deleted
            && match on_delete {
                OnDelete::DeleteWins => true,
                OnDelete::EditWins => self.unseen.is_empty(),
            }
    }

    /// True when the event belongs to this life.
    pub(super) fn has(&self, at: &At<'_>) -> bool {
        self.number == 0 || self.begun.iter().any(|id| at.saw(id))
    }

    /// The event begins the life of that number. Returns whether that is another one.
    pub(super) fn begin(&mut self, number: u64, at: &At<'_>) -> bool {
        let is_next = number > self.number;
        if is_next {
            *self = Self { number, ..Self::default() };
        }
        if number == self.number && number > 0 {
            self.begun.insert_first(at);
        }
        is_next
    }

    /// The event deletes the aggregate.
    pub(super) fn delete(&mut self, at: &At<'_>) {
        self.deleted = true;
        self.unseen.forget(at);
    }

    /// The event edits the aggregate, where edits win.
    pub(super) fn edit(&mut self, at: &At<'_>) {
        self.unseen.insert(at);
    }

    /// Events that began it, for contexts to name.
    pub(crate) fn begun(&self) -> impl Iterator<Item = Dot> {
        self.begun.iter().map(|id| id.dot)
    }

    /// Edits that no deletion had seen.
    pub(super) fn unseen(&self) -> impl Iterator<Item = Dot> {
        self.unseen.iter().map(|id| id.dot)
    }

    pub(crate) fn write_field(&self, number: u32, out: &mut Writer) {
        if *self == Self::default() {
            return;
        }
        out.tag(number, WireType::Len);
        out.enclosed(|out| {
            (self.number > 0).then_some(self.number).write_field(1, out);
            self.begun.write(2, out);
            self.deleted.then_some(true).write_field(3, out);
            self.unseen.write(4, out);
        });
    }

    pub(crate) fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError> {
        const INVALID: WireError = WireError::Invalid { expected: "life of an aggregate" };
        if !input.take(number, WireType::Len)? {
            return Ok(Self::default());
        }
        let life = input.enclosed(|input| {
            let (number, begun) =
                (Option::<u64>::read_field(1, input)?, AuthorIds::read(2, input)?);
            let deleted = Option::<bool>::read_field(3, input)?;
            if number == Some(0) || deleted == Some(false) || number.is_some() == begun.is_empty() {
                return Err(INVALID);
            }
            let (number, deleted) = (number.unwrap_or(0), deleted.is_some());
            Ok(Self { number, begun, deleted, unseen: AuthorIds::read(4, input)? })
        })?;
        if life == Self::default() { Err(INVALID) } else { Ok(life) }
    }
}

#[cfg(test)]
mod tests;
