//! Conflicts: concurrent writes of which not all can hold.
//!
//! A conflict is open while a write has lost to a concurrent one and no later writer of the field
//! has seen it. Open conflicts are read from the states of aggregates, so replicas that hold the
//! same events list the same ones, byte for byte.

use std::fmt;

use bytes::Bytes;

use crate::clock::Hlc;
use crate::id::{AggregateId, Dot};
use crate::policy::KindPolicy;
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
    /// The rule of the [policy](crate::policy) that chose, by its name; `None` where the field's own rule did.
    pub chosen_by: Option<String>,
    /// The write that holds; `None` where the rule lets none hold.
    pub winner: Option<Write>,
    /// The concurrent writes of other values that do not hold, at most one for each author.
    pub losers: Vec<Write>,
}

/// A choice of a [policy](crate::policy) among concurrent writes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PolicyChoice {
    /// The writes, the one that holds now, and the policy's rule that says so.
    pub conflict: AnyConflict,
    /// The write that held by the policy's last choice in the same place, if there was one.
    pub before: Option<Write>,
}

impl PolicyChoice {
    /// Those among open conflicts that are not among earlier ones of the same aggregate.
    pub(crate) fn since<'a>(
        before: &'a [AnyConflict],
        now: Vec<AnyConflict>,
    ) -> impl Iterator<Item = Self> + 'a {
        let chosen = now.into_iter().filter(|conflict| conflict.chosen_by.is_some());
        chosen.filter(|conflict| !before.contains(conflict)).map(|conflict| {
            let same = |earlier: &&AnyConflict| {
                (earlier.field, &earlier.entry) == (conflict.field, &conflict.entry)
                    && earlier.chosen_by.is_some()
            };
            let before = before.iter().find(same).and_then(|earlier| earlier.winner.clone());
            Self { conflict, before }
        })
    }
}

/// Collects the open conflicts of an aggregate.
#[derive(Debug)]
pub struct Conflicts<'a> {
    /// `None` when they are only counted.
    aggregate: Option<&'a AggregateId>,
    policy: Option<&'a KindPolicy>,
    count: u64,
    open: Vec<AnyConflict>,
}

impl<'a> Conflicts<'a> {
    /// None yet.
    pub const fn new(aggregate: &'a AggregateId) -> Self {
        Self { aggregate: Some(aggregate), policy: None, count: 0, open: Vec::new() }
    }

    /// With the names of a policy's rules.
    pub(crate) fn under(self, policy: Option<&'a KindPolicy>) -> Self {
        Self { policy, ..self }
    }

    /// Counts them, and keeps none.
    pub(crate) const fn counting() -> Self {
        Self { aggregate: None, policy: None, count: 0, open: Vec::new() }
    }

    /// Notes that concurrent writes of a field do not hold.
    pub fn note(
        &mut self,
        (field, entry): (&'static str, impl fmt::Display),
        rule: impl fmt::Display,
        winner: Option<Write>,
        losers: Vec<Write>,
    ) {
        self.note_chosen((field, entry), (rule, None), winner, losers);
    }

    /// The same, where the rule at that place of a policy chose.
    pub(crate) fn note_chosen(
        &mut self,
        (field, entry): (&'static str, impl fmt::Display),
        (rule, by): (impl fmt::Display, Option<u16>),
        winner: Option<Write>,
        losers: Vec<Write>,
    ) {
        self.count += 1;
        let Some(aggregate) = self.aggregate.cloned() else { return };
        let (entry, rule) = (entry.to_string(), rule.to_string());
        let chosen_by = self.policy.zip(by).map(|(policy, by)| policy.rule_name(by).to_owned());
        self.open.push(AnyConflict { aggregate, field, entry, rule, chosen_by, winner, losers });
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
