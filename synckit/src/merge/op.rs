//! Operations: their ids, and what their authors had seen.

use std::fmt;

use crate::clock::Hlc;
use crate::id::Dot;
use crate::merge::Law;
use crate::vector::Stamp;

/// The id of an operation: the event that carries it, and its index among that event's operations.
///
/// An event of a field is one operation; a domain event is as many as its lowering records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_structs, reason = "its parts are those of the format")]
pub struct OpId {
    /// The event.
    pub dot: Dot,
    /// The place among the event's operations, from 0.
    pub index: u32,
}

/// An operation that is folded: its id, its clock reading, and what its author had seen.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    stamp: Stamp<'a>,
    index: u32,
    place: Place<'a>,
}

/// The field that an operation changes, or the entry within it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    field: &'a str,
    law: &'a Law,
    entry: Option<(&'a dyn fmt::Debug, &'a Self)>,
}

impl<'a> At<'a> {
    /// The operation `index` of the event with this stamp, on the field `field`.
    pub const fn new(stamp: Stamp<'a>, index: u32, field: &'a str, law: &'a Law) -> Self {
        Self { stamp, index, place: Place { field, law, entry: None } }
    }

    /// The same operation, within the entry `key` of the field.
    #[must_use]
    pub fn entry<'b>(&'b self, key: &'b dyn fmt::Debug) -> At<'b> {
        let place = Place { entry: Some((key, &self.place)), ..self.place };
        At { stamp: self.stamp, index: self.index, place }
    }

    /// True when the operation stands in an entry, which a removal may reset.
    pub const fn is_in_entry(&self) -> bool {
        self.place.entry.is_some()
    }

    /// The operation's id.
    pub const fn id(&self) -> OpId {
        OpId { dot: self.stamp.dot, index: self.index }
    }

    /// The author's hybrid clock.
    pub const fn hlc(&self) -> Hlc {
        self.stamp.hlc
    }

    /// The place in the total order of operations: no two operations share it.
    pub const fn order(&self) -> (Hlc, OpId) {
        (self.hlc(), self.id())
    }

    /// True when the author had seen the operation, or made it before this one.
    pub fn saw(&self, id: OpId) -> bool {
        if id.dot.replica == self.stamp.dot.replica {
            id < self.id()
        } else {
            self.stamp.context.contains(id.dot)
        }
    }

    /// The field or entry that it changes.
    pub const fn place(&self) -> Place<'a> {
        self.place
    }

    /// The law that merges the field.
    pub const fn law(&self) -> &'a Law {
        self.place.law
    }
}

/// `title`, or `readings["kitchen"]`.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some((key, outer)) => write!(f, "{outer}[{key:?}]"),
            None => f.write_str(self.field),
        }
    }
}
