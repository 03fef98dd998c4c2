//! The types that a program knows, and how their events fold into states.
//!
//! [`registry!`](crate::registry!) lists a program's aggregates. Behind it every aggregate's state
//! is handled without its type: events of types or versions that are not known here are *parked*,
//! which means stored and forwarded like any other, counted, and folded once a program that knows
//! them opens the store.

mod hasher;
#[cfg(test)]
mod tests;
mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
#[cfg_attr(
    not(feature = "runtime"),
    allow(unused_imports, reason = "the runtime hashes states")
)]
pub(crate) use hasher::StateHasher;
use synckit_lock::Family;
use synckit_lock::name::BadName;

use crate::aggregate::{Aggregate, Fields, Life, OnDelete};
use crate::block::Entry;
use crate::clock::Hlc;
use crate::conflict::{AnyConflict, Conflicts};
use crate::envelope::CONTEXT_ROWS_MAX;
use crate::event::{self, DecodeError, DependsOn, EventKind, EventRef, SyncEvent, message_of};
use crate::id::{AggregateId, Dot, IdError, Name, ReplicaId};
use crate::merge::{AnyField, read_dot, write_dot};
use crate::schema::{Draft, Published, Reread, Schemas, TypesText, proto, reread};
use crate::vector::{Stamp, VectorClock};
use crate::wire::{Field, Lineage, Reader, Unknown, WireError, WireType, Writer};

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
        self
    }

    /// Checks that the registry can be used.
    ///
    /// # Errors
    /// The first mistake found.
    pub fn check(&self) -> Result<(), RegistryError> {
        self.problems.first().cloned().map_or(Ok(()), Err)
    }

    /// A hash over everything that lock files hold of the types, published or not: names, versions,
    /// fields and their order, merge rules, conversions, and so on into the value types. States
    /// folded under another fingerprint are replaced by replaying the log.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("synckit 2026 registry fingerprint 2");
        for kind in self.aggregates.values() {
            let description = kind.describe();
            hasher.update(&(description.len() as u64).to_le_bytes());
            hasher.update(description.as_bytes());
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
            Some(kind) => Folded::new(Fields::new(kind.fields, kind.on_delete), kind.fold),
            None => Folded::new(Fields::new(&[], OnDelete::default()), unknown),
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
}

impl<'a> RecordedEvent<'a> {
    /// An event of a block.
    pub(crate) fn of(entry: &Entry<'a>) -> Self {
        Self { event: entry.event(), payload: entry.payload_bytes() }
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
    Ok(fields.fold::<A>(event, at))
}

/// The state of an aggregate whose type is not registered knows no event: all are parked.
fn unknown(
    _: &mut Fields,
    _: &Stamp<'_>,
    recorded: RecordedEvent<'_>,
) -> Result<bool, DecodeError> {
    Err(DecodeError::Unknown { name: recorded.event.name.clone() })
}

/// The state of one aggregate without its type.
pub(crate) trait State: fmt::Debug + Send + Sync {
    /// Folds an event. Each is folded once: a state does not know which have been.
    fn fold(&mut self, at: &Stamp<'_>, event: RecordedEvent<'_>) -> Outcome;

    /// Counts an event as met without applying it.
    fn park(&mut self, at: &Stamp<'_>) -> Outcome;

    /// A copy, to try a fold on or to return to.
    fn duplicate(&self) -> Box<dyn State>;

    /// The context of an event whose author sees this state, bounded.
    fn context(&self, author: &ReplicaId, depends_on: &DependsOn) -> VectorClock;

    /// The greatest clock reading among the events folded.
    fn latest(&self) -> Hlc;

    /// True while no event has been met.
    fn is_fresh(&self) -> bool {
        self.latest() == Hlc::ZERO
    }

    /// The canonical bytes.
    fn bytes(&self) -> Result<Bytes, WireError>;

    /// The fields' states.
    fn fields(&self) -> &Fields;

    /// The open conflicts, if it is the state of this aggregate; none when the application's code, which
    /// orders elements and names entries, panics.
    fn conflicts(&self, aggregate: &AggregateId) -> Vec<AnyConflict> {
        let collect = AssertUnwindSafe(|| {
            let mut open = Conflicts::new(aggregate);
            self.fields().conflicts(&mut open);
            open.into_open()
        });
        catch_unwind(collect).unwrap_or_default()
    }

    /// The number of open conflicts, counted as [`State::conflicts`] lists them.
    fn conflict_count(&self) -> u64 {
        let count = AssertUnwindSafe(|| {
            let mut open = Conflicts::counting();
            self.fields().conflicts(&mut open);
            open.count()
        });
        catch_unwind(count).unwrap_or_default()
    }

    /// The stamp of the event `dot`, which its author makes where it sees this state, for an edit to
    /// build on.
    fn next(&self, dot: Dot) -> Stamp<'_>;
}

/// Outcome of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is folded into the state.
    Folded,
    /// It is folded and changes nothing: the aggregate that it is about is deleted.
    Outlived,
    /// It cannot be folded by this program.
    Parked(DecodeError),
    /// The program's own code panicked. The state may be half changed: return to a copy of it as it
    /// was, and park the event there.
    Panicked(DecodeError),
}

/// The clock of a state that need not know who wrote it.
static NOTHING: VectorClock = VectorClock::new();

/// The fields of an aggregate together with what has been folded into them.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    /// Everybody who wrote it, if a rule may name them all: see [`Fields::name_all`].
    seen: Option<VectorClock>,
    /// Of each replica, the first event that this program is too old for: contexts stop before it,
    /// because whoever sees this state does not see that event.
    parked_from: BTreeMap<ReplicaId, u64>,
    parked: u64,
    latest: Hlc,
    fields: Fields,
    folding: Folding,
}

impl State for Folded {
    fn fold(&mut self, at: &Stamp<'_>, event: RecordedEvent<'_>) -> Outcome {
        self.meet(at);
        // The application's code runs in here and nowhere else: its upcasters, its lowering, its
        // orders. What a panic leaves of the state is thrown away by whoever asked.
        let fold = AssertUnwindSafe(|| (self.folding)(&mut self.fields, at, event));
        match catch_unwind(fold) {
            Ok(Ok(true)) => Outcome::Folded,
            Ok(Ok(false)) => Outcome::Outlived,
            Ok(Err(error)) => {
                // What an upcaster refuses is no later event that this program is too old for: its
                // users have seen all that there is to see.
                self.count_parked(at.dot, !matches!(error, DecodeError::Upcast { .. }));
                Outcome::Parked(error)
            }
            Err(panic) => {
                let name = event.event.name.clone();
                Outcome::Panicked(DecodeError::Panicked { name, message: message_of(&*panic) })
            }
        }
    }

    fn park(&mut self, at: &Stamp<'_>) -> Outcome {
        self.meet(at);
        self.count_parked(at.dot, true);
        Outcome::Folded
    }

    fn duplicate(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }

    fn context(&self, author: &ReplicaId, depends_on: &DependsOn) -> VectorClock {
        let mut context = VectorClock::new();
        // What begins the aggregate's life comes first: an event that has seen none of it is about a
        // life that is over.
        let on: Vec<_> = match depends_on {
            DependsOn::Nothing => return context,
            DependsOn::Events(on) => on.clone(),
            DependsOn::Everything => {
                let seen = self.seen.as_ref().unwrap_or(&NOTHING);
                let begun = self.fields.life().into_iter().flat_map(Life::begun);
                let begun = begun.map(|dot| Dot { seq: seen.get(&dot.replica), ..dot });
                begun.chain(seen.iter()).collect()
            }
        };
        let others = on.into_iter().filter(|dot| dot.replica != *author);
        for dot in others {
            if context.len() == CONTEXT_ROWS_MAX {
                break;
            }
            let seq = match self.parked_from.get(&dot.replica) {
                Some(parked) => dot.seq.min(parked - 1),
                None => dot.seq,
            };
            // A context has no more entries than the clock that it is made from.
            let _ = context.advance(Dot { seq, ..dot });
        }
        context
    }

    fn latest(&self) -> Hlc {
        self.latest
    }

    fn bytes(&self) -> Result<Bytes, WireError> {
        let mut out = Writer::new();
        self.write_fields(&mut out);
        out.finish().map(Bytes::from)
    }

    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn next(&self, dot: Dot) -> Stamp<'_> {
        let hlc = Hlc::from_bits(self.latest.to_bits().saturating_add(1));
        Stamp { dot, hlc, context: self.seen.as_ref().unwrap_or(&NOTHING) }
    }
}

impl Folded {
    fn new(fields: Fields, folding: Folding) -> Self {
        Self {
            seen: fields.name_all().then(VectorClock::new),
            parked_from: BTreeMap::new(),
            parked: 0,
            latest: Hlc::ZERO,
            fields,
            folding,
        }
    }

    fn meet(&mut self, at: &Stamp<'_>) {
        if let Some(seen) = &mut self.seen {
            // A log has fewer branches than a clock has rows.
            let _ = seen.advance(at.dot);
        }
        self.latest = self.latest.max(at.hlc);
    }

    fn count_parked(&mut self, dot: Dot, unseen: bool) {
        self.parked += 1;
        if unseen {
            self.parked_from.entry(dot.replica).or_insert(dot.seq);
        }
    }
}

impl Folded {
    fn write_fields(&self, out: &mut Writer) {
        for dot in self.seen.iter().flat_map(VectorClock::iter) {
            out.tag(1, WireType::Len);
            out.nested(|out| write_dot(1, dot, out));
        }
        self.latest.to_bits().write_field(2, out);
        for (replica, seq) in &self.parked_from {
            out.tag(3, WireType::Len);
            out.nested(|out| write_dot(1, Dot { replica: *replica, seq: *seq }, out));
        }
        self.parked.write_field(4, out);
        out.tag(5, WireType::Len);
        out.enclosed(|out| self.fields.write(out));
        if let Some(life) = self.fields.life() {
            life.write_field(6, out);
        }
    }

    fn read_fields(&mut self, input: &mut Reader<'_>) -> Result<(), WireError> {
        for dot in read_dots(1, input)? {
            let advanced = self.seen.as_mut().and_then(|seen| seen.advance(dot).ok());
            advanced.ok_or(WireError::Invalid { expected: "vector clock" })?;
        }
        self.latest = Hlc::from_bits(u64::read_field(2, input)?);
        self.parked_from =
            read_dots(3, input)?.into_iter().map(|dot| (dot.replica, dot.seq)).collect();
        self.parked = u64::read_field(4, input)?;
        if !input.take(5, WireType::Len)? {
            return Err(WireError::Missing { number: 5 });
        }
        input.enclosed(|input| self.fields.read(input))?;
        self.fields.set_life(Life::read_field(6, input)?);
        Ok(())
    }
}

fn read_dots(number: u32, input: &mut Reader<'_>) -> Result<Vec<Dot>, WireError> {
    let mut dots = Vec::new();
    let mut present = input.take(number, WireType::Len)?;
    while present {
        let dot = input.nested(|input| read_dot(1, input))?;
        if dot.seq == 0 {
            return Err(WireError::Invalid { expected: "sequence number" });
        }
        dots.push(dot);
        present = input.take_again(WireType::Len)?;
    }
    Ok(dots)
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
