//! The types that a program knows, and how their events fold into states.
//!
//! [`registry!`](crate::registry!) lists a program's aggregates. Behind it every aggregate's state
//! is handled without its type: events of types or versions that are not known here are *parked*,
//! which means stored and forwarded like any other, counted, and folded once a program that knows
//! them opens the store.

mod folded;
mod hasher;
#[cfg(test)]
mod tests;
mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use folded::Folded;
pub(crate) use folded::{Outcome, State};
#[cfg_attr(
    not(feature = "runtime"),
    allow(unused_imports, reason = "the runtime hashes states")
)]
pub(crate) use hasher::StateHasher;
use synckit_lock::Family;
use synckit_lock::name::BadName;

use crate::aggregate::{Aggregate, Fields, OnDelete};
use crate::block::Entry;
use crate::clock::Hlc;
use crate::envelope::{Envelope, Metadata};
use crate::event::{self, DecodeError, EventKind, EventRef, SyncEvent};
use crate::id::{AggregateId, IdError, Name, ReplicaId};
use crate::merge::AnyField;
use crate::policy::{Candidate, ChoosingField, KindPolicy, Marking, Policy, PolicyError, PolicyId};
use crate::schema::{Draft, Published, Reread, Schemas, TypesText, proto, reread};
use crate::vector::{Stamp, VectorClock};
use crate::wire::{Lineage, Reader, Unknown, WireError};

#[cfg_attr(not(feature = "runtime"), allow(unused_imports, reason = "replicas replay"))]
pub(crate) use typed::fold_or_park;

/// Lists the aggregates that a program knows: `registry![Inspection, Airport]`.
#[macro_export]
macro_rules! registry {
    ($($aggregate:ty),* $(,)?) => {
        $crate::registry::Registry::new()$(.with::<$aggregate>())*
    };
}

/// The aggregates that a program knows.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    aggregates: BTreeMap<&'static str, ErasedType>,
    policy: Option<Arc<Policy>>,
    /// The policy, by the types that it concerns.
    policies: BTreeMap<&'static str, Arc<KindPolicy>>,
    problems: Vec<RegistryError>,
}

/// Reason why a registry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two aggregates, or two events of one aggregate, have the same name. Rename one.
    #[error("two types are named `{name}`; give one another name")]
    Duplicate {
        /// The name.
        name: &'static str,
    },
    /// An aggregate is used whose type is not listed. Add it to `registry!`.
    #[error("aggregate `{name}` is not registered; add its type to `registry![…]`")]
    Missing {
        /// The name.
        name: &'static str,
    },
    /// A name cannot stand in stored bytes.
    #[error("`{name}` cannot be a name: {source}")]
    Name {
        /// The name.
        name: &'static str,
        /// The reason.
        source: IdError,
    },
    /// The policy cannot be used.
    #[error("the policy cannot be used: {0}")]
    Policy(#[from] PolicyError),
    /// Two policies are given. Add the rules of one to the other.
    #[error("two policies are given; a program has one")]
    SecondPolicy,
    /// A name that only synckit's own events have. Take one that does not begin with `synckit.`.
    #[error(
        "`{name}` is reserved for synckit itself; take a name that does not begin with `synckit.`"
    )]
    Reserved {
        /// The name.
        name: &'static str,
    },
}

impl Registry {
    /// No aggregates.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an aggregate. Mistakes are reported by [`Registry::check`], which opening a replica
    /// calls.
    #[must_use]
    pub fn with<A: Aggregate>(mut self) -> Self {
        let kinds = A::Event::KINDS.iter().map(|kind| kind.name);
        for name in kinds.clone().chain([A::NAME]) {
            self.problems.extend(problem_with(name));
        }
        let mut seen = BTreeSet::new();
        let twice = kinds.filter(|name| !seen.insert(*name));
        self.problems.extend(twice.map(|name| RegistryError::Duplicate { name }));
        if self.aggregates.insert(A::NAME, ErasedType::of::<A>()).is_some() {
            self.problems.push(RegistryError::Duplicate { name: A::NAME });
        }
        self.apply_policy();
        self
    }

    /// Sets the [policy](crate::policy) that chooses among concurrent writes of `resolve` and `manual`
    /// fields. Mistakes in it are reported by [`Registry::check`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        if self.policy.replace(Arc::new(policy)).is_some() {
            self.problems.push(RegistryError::SecondPolicy);
        }
        self.apply_policy();
        self
    }

    /// The identity of the policy, which goes with every session; `None` where there is no field of which a
    /// policy could choose the value.
    pub fn policy_id(&self) -> Option<PolicyId> {
        match &self.policy {
            Some(policy) => Some(policy.id()),
            None => {
                let mut choosing = self.aggregates.values().flat_map(ErasedType::choosing);
                choosing.next().map(|_| PolicyId::default())
            }
        }
    }

    fn apply_policy(&mut self) {
        let Some(policy) = &self.policy else { return };
        let of_kind = |kind: &ErasedType| {
            Some((kind.name, KindPolicy::new(policy, &kind.choosing().collect::<Vec<_>>())?))
        };
        self.policies = self.aggregates.values().filter_map(of_kind).collect();
    }

    /// Checks that the registry can be used.
    ///
    /// # Errors
    /// The first mistake found.
    pub fn check(&self) -> Result<(), RegistryError> {
        self.problems.first().cloned().map_or(Ok(()), Err)?;
        let Some(policy) = &self.policy else { return Ok(()) };
        let fields: Vec<_> = self.aggregates.values().flat_map(ErasedType::choosing).collect();
        let kinds: Vec<_> = self.aggregates.keys().copied().collect();
        Ok(policy.check(&fields, &kinds)?)
    }

    /// A hash over everything that lock files hold of the types, published or not: names, versions,
    /// fields and their order, merge rules, conversions, and so on into the value types, and over the
    /// policy. States folded under another fingerprint are replaced by replaying the log.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("synckit 2026 registry fingerprint 2");
        for kind in self.aggregates.values() {
            let description = kind.describe();
            hasher.update(&(description.len() as u64).to_le_bytes());
            hasher.update(description.as_bytes());
        }
        if let Some(policy) = &self.policy {
            hasher.update(&policy.id().hash);
        }
        for published in self.schemas().all() {
            let description = published.describe();
            hasher.update(&(description.len() as u64).to_le_bytes());
            hasher.update(description.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// The protobuf schema (`proto3`) of all events, for programs in other languages that read
    /// them.
    ///
    /// One message for each kind of event, such as `NoteTitleSet` for `note.title_set`, in the
    /// version that this program writes, and one type for each value type in them. The text is
    /// the same as long as the types are.
    ///
    /// ```
    /// # use synckit::{SyncEvent, registry, sync_aggregate};
    /// #[sync_aggregate(name = "note")]
    /// #[derive(Clone, Debug, Default)]
    /// struct Note {
    ///     #[merge(lww)]
    ///     title: String,
    /// }
    ///
    /// let text = registry![Note].proto();
    /// assert!(text.contains("message NoteTitleSet {\n  string value = 1;\n}"), "{text}");
    /// ```
    pub fn proto(&self) -> String {
        proto(self.aggregates.values().flat_map(|kind| kind.events))
    }

    /// The types as a replica tells them others; `None` when there are none, and when the text is too long
    /// for that.
    pub(crate) fn types(&self) -> Option<TypesText> {
        TypesText::new(&self.proto()).filter(|_| !self.aggregates.is_empty())
    }

    /// Schemas of the types for lock files: aggregates, their events, and the values in them.
    pub fn schemas(&self) -> Schemas {
        Schemas::of(self.aggregates.values().flat_map(ErasedType::published))
    }

    /// The types whose version is in no lock file, in the order of their names: what they write can
    /// become unreadable when they change.
    pub fn drafts(&self) -> Vec<Draft> {
        self.schemas().drafts()
    }

    /// The names of the aggregates, in ascending order.
    pub(crate) fn names(&self) -> impl Iterator<Item = Name> {
        self.aggregates.keys().filter_map(|name| Name::new(name).ok())
    }

    /// The reason why this program parks an event; `None` when it can apply it.
    pub(crate) fn parks(&self, entry: &Entry<'_>) -> Option<DecodeError> {
        let aggregate = entry.aggregate();
        let context = VectorClock::new();
        let at = Stamp { dot: entry.dot(), hlc: entry.hlc(), context: &context };
        match self.fresh(&aggregate.kind).fold(&at, RecordedEvent::of(entry)) {
            Outcome::Parked(reason) | Outcome::Panicked(reason) => Some(reason),
            Outcome::Folded | Outcome::Outlived => None,
        }
    }

    /// The name of an aggregate type that must be listed.
    pub(crate) fn name_of<A: Aggregate>(&self) -> Result<Name, RegistryError> {
        if !self.aggregates.contains_key(A::NAME) {
            return Err(RegistryError::Missing { name: A::NAME });
        }
        Name::new(A::NAME).map_err(|source| RegistryError::Name { name: A::NAME, source })
    }

    /// The state of an aggregate before its first event.
    pub(crate) fn fresh(&self, name: &Name) -> Box<dyn State> {
        Box::new(self.folded(name))
    }

    /// A state as it was stored.
    pub(crate) fn read(&self, name: &Name, bytes: &[u8]) -> Result<Box<dyn State>, WireError> {
        let mut state = self.folded(name);
        let mut input = Reader::new(bytes, Unknown::Refuse);
        state.read_fields(&mut input)?;
        input.finish()?;
        Ok(Box::new(state))
    }

    fn folded(&self, name: &Name) -> Folded {
        match self.aggregates.get(name.as_str()) {
            Some(kind) => {
                let policy = self.policies.get(kind.name).cloned();
                Folded::new(Fields::new(kind.fields, kind.on_delete), kind.fold, policy)
            }
            None => Folded::new(Fields::new(&[], OnDelete::default()), unknown, None),
        }
    }
}

impl From<Registry> for Schemas {
    fn from(registry: Registry) -> Self {
        registry.schemas()
    }
}

fn problem_with(name: &'static str) -> Option<RegistryError> {
    if Family::Event.check(name) == Err(BadName::Reserved) {
        return Some(RegistryError::Reserved { name });
    }
    Name::new(name).map_err(|source| RegistryError::Name { name, source }).err()
}

/// An aggregate type without its type.
#[derive(Clone, Copy, Debug)]
struct ErasedType {
    name: &'static str,
    version: u32,
    fields: &'static [&'static dyn AnyField],
    on_delete: OnDelete,
    events: &'static [EventKind],
    lineage: Lineage,
    fold: Folding,
    reread: Reread,
}

/// A recorded event without its header, wherever it is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordedEvent<'a> {
    pub(crate) event: &'a EventRef,
    pub(crate) payload: &'a [u8],
    origin: Option<EventOrigin<'a>>,
    marking: Option<&'a Marking<'a>>,
}

/// The origin of an event, as far as policies ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventOrigin<'a> {
    pub(crate) aggregate: &'a AggregateId,
    pub(crate) author: ReplicaId,
    pub(crate) metadata: &'a Metadata,
}

impl<'a> RecordedEvent<'a> {
    /// An event by itself: no policy is asked about it.
    pub(crate) const fn new(event: &'a EventRef, payload: &'a [u8]) -> Self {
        Self { event, payload, origin: None, marking: None }
    }

    /// An event of a block.
    pub(crate) fn of(entry: &Entry<'a>) -> Self {
        let (aggregate, metadata) = (entry.aggregate(), entry.metadata());
        let origin = EventOrigin { aggregate, author: entry.dot().replica, metadata };
        Self::new(entry.event(), entry.payload_bytes()).with_origin(origin)
    }

    /// An event that is not in a block yet.
    pub(crate) fn of_envelope(envelope: &'a Envelope) -> Self {
        let (aggregate, metadata) = (&envelope.aggregate, &envelope.metadata);
        let origin = EventOrigin { aggregate, author: envelope.dot.replica, metadata };
        Self::new(&envelope.event, &envelope.payload).with_origin(origin)
    }

    /// The same event, which comes from there.
    pub(crate) const fn with_origin(self, origin: EventOrigin<'a>) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// The policy that is asked about its writes.
    const fn marking<'p>(&self, policy: &'p KindPolicy, hlc: Hlc) -> Option<Marking<'p>>
    where
        'a: 'p,
    {
        let Some(EventOrigin { aggregate, author, metadata }) = self.origin else { return None };
        let (event, payload) = (self.event, self.payload);
        let write = Candidate { aggregate, field: "", event, payload, author, hlc, metadata };
        Some(Marking { policy, write })
    }
}

/// Folds an event into the fields of its aggregate; false when it changes nothing, because the
/// aggregate is deleted.
pub(crate) type Folding =
    fn(&mut Fields, &Stamp<'_>, RecordedEvent<'_>) -> Result<bool, DecodeError>;

impl ErasedType {
    const fn of<A: Aggregate>() -> Self {
        Self {
            name: A::NAME,
            version: A::VERSION,
            fields: A::FIELDS,
            on_delete: A::ON_DELETE,
            events: A::Event::KINDS,
            lineage: A::LINEAGE,
            fold: fold::<A>,
            reread: reread::<A::Event>,
        }
    }

    /// The fields of which a policy may choose the value.
    fn choosing(&self) -> impl Iterator<Item = ChoosingField> {
        let kind = self.name;
        let fields = self.fields.iter().enumerate();
        let takes = fields.filter(|(_, field)| field.law().takes_policies());
        takes.map(move |(place, field)| ChoosingField { kind, name: field.schema().name, place })
    }

    /// Every part is delimited by its debug form, so no two descriptions are alike by accident.
    fn describe(&self) -> String {
        let kind = |kind: &EventKind| (kind.name, kind.version, kind.fields);
        let kinds: Vec<_> = self.events.iter().map(kind).collect();
        let on_delete = self.on_delete;
        format!("{:?} {} {on_delete:?} {:?} {kinds:?}", self.name, self.version, self.fields)
    }

    fn published(&self) -> Vec<Published> {
        let mut own =
            Published::aggregate(self.name, self.version, self.fields, self.events, self.lineage);
        own.lock.edit_wins = self.on_delete == OnDelete::EditWins;
        let event = |kind| Published::event(kind, self.reread);
        self.events.iter().filter_map(event).chain([own]).collect()
    }
}

fn fold<A: Aggregate>(
    fields: &mut Fields,
    at: &Stamp<'_>,
    recorded: RecordedEvent<'_>,
) -> Result<bool, DecodeError> {
    let event = event::decode::<A::Event>(recorded.event, recorded.payload)?;
    Ok(fields.fold_with(at, recorded.marking, |fold| A::apply(event, fold)))
}

/// The state of an aggregate whose type is not registered knows no event: all are parked.
fn unknown(
    _: &mut Fields,
    _: &Stamp<'_>,
    recorded: RecordedEvent<'_>,
) -> Result<bool, DecodeError> {
    Err(DecodeError::Unknown { name: recorded.event.name.clone() })
}

#[cfg(test)]
use crate::schema::Unconverted;

#[cfg(test)]
impl Registry {
    /// With fields that tests fold, without an aggregate's type.
    pub(crate) fn with_bare(
        mut self,
        name: &'static str,
        fields: &'static [&'static dyn AnyField],
        fold: Folding,
    ) -> Self {
        let lineage = Lineage::of("", 1);
        let reread: Reread = |_, _| Err(Unconverted::Unreadable);
        let on_delete = OnDelete::default();
        let kind =
            ErasedType { name, version: 1, fields, on_delete, events: &[], lineage, fold, reread };
        self.aggregates.insert(name, kind);
        self
    }
}
