//! Operations: their ids, and what their authors had seen.

use crate::clock::Hlc;
use crate::id::{Dot, ReplicaId};
use crate::policy::{Marking, Marks};
use crate::vector::{Stamp, VectorClock};

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
    in_entry: bool,
    /// The policy, and the place of the operation's field.
    marking: Option<(&'a Marking<'a>, usize)>,
}

impl<'a> At<'a> {
    /// The operation `index` of the event with this stamp.
    pub const fn new(stamp: Stamp<'a>, index: u32) -> Self {
        Self { stamp, index, in_entry: false, marking: None }
    }

    /// The same operation, on the field at that place, with a policy that chooses among writes.
    pub(crate) const fn marked(self, marking: Option<&'a Marking<'a>>, field: usize) -> Self {
        let marking = match marking {
            Some(marking) => Some((marking, field)),
            None => None,
        };
        Self { marking, ..self }
    }

    /// The verdicts of the policy's rules about the operation, which writes a field.
    pub(crate) fn marks(&self) -> Marks {
        self.marking.map_or_else(Marks::default, |(marking, field)| marking.marks(field))
    }

    /// The same operation, within an entry of the field.
    #[must_use]
    pub const fn entry(&self) -> Self {
        Self { in_entry: true, ..*self }
    }

    /// True when the operation stands in an entry, which a removal may reset.
    pub const fn is_in_entry(&self) -> bool {
        self.in_entry
    }

    /// The operation's id.
    pub const fn id(&self) -> OpId {
        OpId { dot: self.stamp.dot, index: self.index }
    }

    /// The author's hybrid clock.
    pub const fn hlc(&self) -> Hlc {
        self.stamp.hlc
    }

    /// The events of others that its author had seen, as the event's context names them.
    pub(super) const fn context(&self) -> &VectorClock {
        self.stamp.context
    }

    /// The place in the total order of operations: no two operations share it.
    pub const fn order(&self) -> (Hlc, OpId) {
        (self.hlc(), self.id())
    }

    /// The event that the author meant by a name: past a fork that the author did not know of, the one
    /// on the branch that it had seen.
    pub(crate) fn meant(&self, dot: Dot) -> Dot {
        self.stamp.context.meant(dot)
    }

    /// The author's own event of that number.
    pub(crate) fn own(&self, seq: u64) -> Dot {
        self.stamp.context.earlier(Dot { seq, ..self.stamp.dot })
    }

    /// The identities under which an author's events from one to another count.
    pub(crate) fn path(&self, from: ReplicaId, to: ReplicaId) -> Vec<ReplicaId> {
        self.stamp.context.path(from, to)
    }

    /// True when the author had seen the operation, or made it before this one.
    pub fn saw(&self, id: OpId) -> bool {
        if id.dot.replica == self.stamp.dot.replica {
            id < self.id()
        } else {
            self.stamp.context.contains(id.dot)
        }
    }
}
