//! Conflicts: what merging decided between values that were written apart from each other.
//!
//! A conflict is recorded whenever one write beats another whose author had not seen it, so nothing
//! is decided silently.

use bytes::Bytes;

use crate::clock::Hlc;
use crate::id::{AggregateId, Dot};
use crate::vector::Stamp;
use crate::wire::{Field, Reader, Unknown, WireError, Writer};

/// One side of a conflict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// The event that wrote.
    pub dot: Dot,
    /// Its author's hybrid clock.
    pub hlc: Hlc,
    /// What it wrote, as field 1 of a canonical message.
    pub value: Bytes,
}

/// Two concurrent writes of one field, and which of them holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// Where.
    pub aggregate: AggregateId,
    /// The field's name.
    pub field: String,
    /// The merge rule that decided, by its name in `#[merge(…)]`.
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

    /// Notes that of two writes apart from each other the first holds.
    pub(crate) fn note(&mut self, field: &'static str, rule: &str, winner: Write, loser: Write) {
        self.found.push(Conflict {
            aggregate: self.aggregate.clone(),
            field: field.to_owned(),
            rule: rule.to_owned(),
            winner,
            loser,
        });
    }

    /// What was found.
    pub fn into_found(self) -> Vec<Conflict> {
        self.found
    }
}

impl Write {
    /// What it wrote, as a value of the field's type.
    ///
    /// # Errors
    /// When `T` is not the field's type.
    pub fn decode<T: Field>(&self) -> Result<T, WireError> {
        let mut input = Reader::new(&self.value, Unknown::Refuse);
        let value = T::read_field(1, &mut input)?;
        input.finish()?;
        Ok(value)
    }

    pub(crate) fn new<T: Field>(value: &T, (hlc, dot): (Hlc, Dot)) -> Self {
        let mut out = Writer::new();
        value.write_field(1, &mut out);
        // A value that came out of an event is never nested too deep to be written.
        Self { dot, hlc, value: out.finish().unwrap_or_default().into() }
    }

    pub(crate) fn by<T: Field>(value: &T, at: &Stamp<'_>) -> Self {
        Self::new(value, at.order())
    }
}
