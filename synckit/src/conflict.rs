//! Conflicts: decisions of merging between concurrent writes.
//!
//! A conflict is recorded whenever one write beats a concurrent write of another value, so nothing
//! is decided silently.

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

/// Two concurrent writes of one field, and which of them holds.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Conflict {
    /// Where.
    pub aggregate: AggregateId,
    /// The field's name; an entry of a map as in `readings["kitchen"]`.
    pub field: String,
    /// The merge rule that decided, as in `#[merge(…)]`.
    pub rule: String,
    /// The write that holds.
    pub winner: Write,
    /// The write that was beaten.
    pub loser: Write,
}

/// Collects the conflicts that folding an aggregate's events meets.
#[derive(Debug)]
pub struct Conflicts<'a> {
    aggregate: &'a AggregateId,
    found: Vec<Conflict>,
}

impl<'a> Conflicts<'a> {
    /// None yet.
    pub const fn new(aggregate: &'a AggregateId) -> Self {
        Self { aggregate, found: Vec::new() }
    }

    /// Notes that of two concurrent writes of a field, decided by a rule, the first holds.
    pub fn note(
        &mut self,
        field: impl fmt::Display,
        rule: impl fmt::Display,
        winner: Write,
        loser: Write,
    ) {
        let (field, rule) = (field.to_string(), rule.to_string());
        let aggregate = self.aggregate.clone();
        self.found.push(Conflict { aggregate, field, rule, winner, loser });
    }

    /// The conflicts found.
    pub fn into_found(self) -> Vec<Conflict> {
        self.found
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
