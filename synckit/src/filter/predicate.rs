//! Conditions that functions of the application decide.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::block::Entry;
use crate::clock::Hlc;
use crate::envelope::Metadata;
use crate::event::{self, DecodeError, EventRef, SyncEvent};
use crate::id::{AggregateId, Name, ReplicaId};

type Holds = Arc<dyn Fn(&FilteredEvent<'_>, &str) -> bool + Send + Sync>;

/// An event, as predicates of filters see it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FilteredEvent<'a> {
    /// The aggregate that it is about.
    pub aggregate: &'a AggregateId,
    /// Its name and version, as it was written.
    pub event: &'a EventRef,
    /// The key under which it was written.
    pub author: ReplicaId,
    /// The author's hybrid clock.
    pub hlc: Hlc,
    /// Its metadata.
    pub metadata: &'a Metadata,
    /// Its payload, as it was written.
    pub payload: &'a [u8],
}

impl<'a> FilteredEvent<'a> {
    fn of(entry: &Entry<'a>) -> Self {
        Self {
            aggregate: entry.aggregate(),
            event: entry.event(),
            author: entry.dot().replica,
            hlc: entry.hlc(),
            metadata: entry.metadata(),
            payload: entry.payload_bytes(),
        }
    }

    /// The event under its type, such as `VisitEvent`, where the program knows that.
    ///
    /// # Errors
    /// When it is none of `E`, or of a version that this program cannot read. Programs of several versions
    /// then decide differently: prefer what does not need it.
    pub fn decode<E: SyncEvent>(&self) -> Result<E, DecodeError> {
        event::decode(self.event, self.payload)
    }
}

/// Functions by the names under which filters ask them: see [`FilterPart::when`](super::FilterPart::when).
///
/// The same function, under the same name, belongs into every program that syncs by such a filter: the peer
/// decides by it what it sends, and the replica what it folds of that. It must look at nothing but what it is
/// given, so that it decides today as it did yesterday; one that changes wants another name. An event for which it
/// panics is not in the part, nor is the tombstone of one that a hub has refused.
#[derive(Clone, Default)]
pub struct Predicates(Arc<BTreeMap<Name, Holds>>);

impl Predicates {
    /// No functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a function, which is given an event and the argument that stands in the filter. It takes
    /// the place of one that had the name.
    #[must_use]
    pub fn with(
        mut self,
        name: Name,
        holds: impl Fn(&FilteredEvent<'_>, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.0).insert(name, Arc::new(holds));
        self
    }
}

/// The names.
impl fmt::Debug for Predicates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A condition that a function decides: its name and its argument, by which it is compared.
#[derive(Clone)]
pub struct Predicate {
    name: Name,
    argument: String,
    /// `None` where the program does not have it, or has not looked for it: nothing is shown then.
    holds: Option<Holds>,
}

impl Predicate {
    pub(super) const fn new(name: Name, argument: String) -> Self {
        Self { name, argument, holds: None }
    }

    /// The name of the function.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The text that the function is given with each event.
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// The same with its function; none if there is no such function.
    pub(super) fn resolved(mut self, known: &Predicates) -> Option<Self> {
        self.holds = Some(Arc::clone(known.0.get(&self.name)?));
        Some(self)
    }

    pub(super) fn shows(&self, entry: &Entry<'_>) -> bool {
        let Some(holds) = self.holds.as_ref().filter(|_| !entry.is_tombstone()) else {
            return false;
        };
        let event = FilteredEvent::of(entry);
        // The panic hook tells whoever runs the program.
        catch_unwind(AssertUnwindSafe(|| holds(&event, &self.argument))).unwrap_or_default()
    }
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Predicate {}

impl PartialOrd for Predicate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Predicate {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.argument).cmp(&(&other.name, &other.argument))
    }
}

impl Hash for Predicate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, &self.argument).hash(state);
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `due("2026-12")`.
impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.name, self.argument)
    }
}
