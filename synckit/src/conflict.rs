//! Conflicts: concurrent writes of which not all can hold.
//!
//! A conflict is open while a write has lost to a concurrent one and no later writer of the field
//! has seen it. Open conflicts are read from the states of aggregates, so replicas that hold the
//! same events list the same ones, byte for byte.

use std::fmt;

use bytes::Bytes;

use crate::clock::Hlc;
use crate::id::{AggregateId, Dot};
use crate::wire::{Field, Reader, Unknown, WireError, Writer};

/// One side of a conflict.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Write {
    /// The event that wrote.
    pub dot: Dot,
    /// Its author's hybrid clock.
    pub hlc: Hlc,
    /// The value written, as field 1 of a canonical message.
    pub value: Bytes,
}

/// An open conflict of one field, or of one entry or element of it, whatever the aggregate's type.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AnyConflict {
    /// Where.
    pub aggregate: AggregateId,
    /// The field's name.
    pub field: &'static str,
    /// The entry of a map, or the element of a set, as in `["kitchen"]`; empty when the conflict is the
    /// field's.
    pub entry: String,
    /// The merge rule that decided, as in `#[merge(…)]`.
    pub rule: String,
    /// The write that holds; `None` where the rule lets none hold.
    pub winner: Option<Write>,
    /// The concurrent writes of other values that do not hold, at most one for each author.
    pub losers: Vec<Write>,
}

/// Collects the open conflicts of an aggregate.
#[derive(Debug)]
pub struct Conflicts<'a> {
    /// `None` when they are only counted.
    aggregate: Option<&'a AggregateId>,
    count: u64,
    open: Vec<AnyConflict>,
}

impl<'a> Conflicts<'a> {
    /// None yet.
    pub const fn new(aggregate: &'a AggregateId) -> Self {
        Self { aggregate: Some(aggregate), count: 0, open: Vec::new() }
    }

    /// Counts them, and keeps none.
    pub(crate) const fn counting() -> Self {
        Self { aggregate: None, count: 0, open: Vec::new() }
    }

    /// Notes that concurrent writes of a field do not hold.
    pub fn note(
        &mut self,
        (field, entry): (&'static str, impl fmt::Display),
        rule: impl fmt::Display,
        winner: Option<Write>,
        losers: Vec<Write>,
    ) {
        self.count += 1;
        let Some(aggregate) = self.aggregate.cloned() else { return };
        let (entry, rule) = (entry.to_string(), rule.to_string());
        self.open.push(AnyConflict { aggregate, field, entry, rule, winner, losers });
    }

    /// The number of conflicts noted.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The conflicts noted; none when they were only counted.
    pub fn into_open(self) -> Vec<AnyConflict> {
        self.open
    }
}

/// `title`, or `readings["kitchen"]`.
impl fmt::Display for AnyConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.field, self.entry)
    }
}

impl Write {
    /// The value written, as one of the field's type.
    ///
    /// # Errors
    /// When `T` is not the field's type.
    pub fn decode<T: Field>(&self) -> Result<T, WireError> {
        let mut input = Reader::new(&self.value, Unknown::Refuse);
        let value = T::read_field(1, &mut input)?;
        input.finish()?;
        Ok(value)
    }

    /// The write of a value by an event with that clock reading.
    pub fn new<T: Field>(value: &T, hlc: Hlc, dot: Dot) -> Self {
        let mut out = Writer::new();
        value.write_field(1, &mut out);
        // A value that came out of an event is never nested too deep to be written.
        Self { dot, hlc, value: out.finish().unwrap_or_default().into() }
    }
}
