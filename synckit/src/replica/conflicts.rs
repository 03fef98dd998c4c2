//! Open conflicts of a replica's aggregates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::Replica;
use super::history::{HistoryEvent, told};
use super::watchers::WatchedChanges;
use crate::aggregate::{Aggregate, Id, place_of};
use crate::conflict::{AnyConflict, Write};
use crate::error::{Error, ErrorKind};
use crate::id::{AggregateId, Dot, Name};
use crate::registry::State;
use crate::store::LIST_ROWS_MAX;
use crate::wire::{Field, WireError};

/// Events that are looked up in one read: their blocks are in memory together.
const EVENTS_AT_ONCE: usize = 32;

/// An open conflict: writes have lost to concurrent ones, and nobody who has seen them has written the
/// field since.
#[derive(Debug)]
#[non_exhaustive]
pub struct Conflict<A: Aggregate> {
    /// The aggregate.
    pub id: Id<A>,
    /// The field.
    pub field: A::Field,
    /// The entry of a map, or the element of a set, as in `["kitchen"]`; empty when the conflict is the
    /// field's.
    pub entry: String,
    /// The merge rule that decided, as in `#[merge(…)]`.
    pub rule: String,
    /// The rule of the [policy](crate::policy) that chose, by its name; `None` where the field's own rule did.
    pub chosen_by: Option<String>,
    /// The write that holds; `None` where the rule lets none hold.
    pub winner: Option<ConflictingWrite<A>>,
    /// The concurrent writes of other values that do not hold, at most one for each author.
    pub losers: Vec<ConflictingWrite<A>>,
}

/// One side of a conflict.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConflictingWrite<A: Aggregate> {
    /// The value, and the event that wrote it.
    pub write: Write,
    /// That event as the aggregate's history tells it, with its author, metadata and place in the log;
    /// `None` when the log begins behind it.
    pub event: Option<Arc<HistoryEvent<A>>>,
}

impl<A: Aggregate> ConflictingWrite<A> {
    /// The value written, as one of the field's type, or of its entries' or elements'.
    ///
    /// # Errors
    /// When `T` is not that type.
    pub fn decode<T: Field>(&self) -> Result<T, WireError> {
        self.write.decode()
    }
}

/// `title`, or `readings["kitchen"]`.
impl<A: Aggregate> fmt::Display for Conflict<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = A::FIELDS[place_of::<A>(self.field)].schema().name;
        write!(f, "{name}{}", self.entry)
    }
}

impl Replica {
    /// Lists the open conflicts of a type's aggregates in these fields, or in all when none is named.
    /// Writes nothing.
    ///
    /// They are read from the states of the aggregates, so replicas that hold the same events list
    /// the same conflicts. They come aggregate by aggregate, ascending, after an aggregate, and all of
    /// an aggregate in one page, which has about `limit` of them and never many more than
    /// [`LIST_ROWS_MAX`]. To go through all of them, pass the aggregate of the last one for the next
    /// page until a page is empty. [`ReplicaStatus::conflicts`](super::ReplicaStatus::conflicts) counts
    /// them, over all types.
    ///
    /// ```
    /// # use synckit::{Id, Replica, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "note")]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Note {
    /// #     #[merge(lww)]
    /// #     title: String,
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Note]).in_memory().await?;
    /// for conflict in replica.conflicts::<Note>(&[NoteField::Title], None, 100).await? {
    ///     for lost in &conflict.losers {
    ///         println!("{}: {:?} has lost", conflict.id, lost.decode::<String>()?);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the store fails, or the type is not registered.
    pub async fn conflicts<A: Aggregate>(
        &self,
        fields: &[A::Field],
        after: Option<&Id<A>>,
        limit: usize,
    ) -> Result<Vec<Conflict<A>>, Error> {
        let open = self.open_in::<A>(fields, after, limit).await?;
        self.told_conflicts(open).await
    }

    /// The open conflicts of one aggregate.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conflicts_of<A: Aggregate>(&self, id: &Id<A>) -> Result<Vec<Conflict<A>>, Error> {
        self.check_open("list conflicts")?;
        self.replayed().await?;
        let aggregate = self.held_id(id)?;
        let open = |state: &dyn State| state.conflicts(&aggregate);
        let open = self.read_state(&aggregate, open).await?.unwrap_or_default();
        self.told_conflicts(open).await
    }

    /// Lists the open conflicts of all aggregates, whatever their types, as [`Replica::conflicts`] does
    /// those of a type.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all_conflicts(
        &self,
        after: Option<&AggregateId>,
        limit: usize,
    ) -> Result<Vec<AnyConflict>, Error> {
        self.open_after(None, after.cloned(), limit).await
    }

    /// Watches the open conflicts of a type's aggregates in these fields, or in all when none is named:
    /// the first `limit` of them.
    ///
    /// # Errors
    /// [`ErrorKind::Registry`] when the type is not registered, [`ErrorKind::Closed`] once the
    /// replica is closed.
    pub fn watch_conflicts<A: Aggregate>(
        &self,
        fields: &[A::Field],
        limit: usize,
    ) -> Result<ConflictWatch<A>, Error> {
        self.kind_of::<A>()?;
        let closed = || Error::new("watch conflicts", ErrorKind::Closed);
        let changes = self.running.watchers.subscribe_to_conflicts().ok_or_else(closed)?;
        let (replica, fields) = (self.clone(), fields.to_vec());
        Ok(ConflictWatch { replica, fields, limit, changes, shown: None })
    }

    /// A page of the open conflicts in these fields.
    async fn open_in<A: Aggregate>(
        &self,
        fields: &[A::Field],
        after: Option<&Id<A>>,
        limit: usize,
    ) -> Result<Vec<AnyConflict>, Error> {
        let kind = self.kind_of::<A>()?;
        let mut after = after.map(|id| self.aggregate_id(id)).transpose()?;
        let mut open = Vec::new();
        while open.len() < limit {
            let page = self.open_after(Some(&kind), after.take(), limit).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.aggregate.clone());
            let is_in = |conflict: &AnyConflict| {
                fields.is_empty() || key_of::<A>(conflict).is_some_and(|key| fields.contains(&key))
            };
            open.extend(page.into_iter().filter(is_in));
        }
        Ok(open)
    }

    /// A page of the open conflicts after an aggregate; of a type, if one is named.
    async fn open_after(
        &self,
        kind: Option<&Name>,
        mut after: Option<AggregateId>,
        limit: usize,
    ) -> Result<Vec<AnyConflict>, Error> {
        self.check_open("list conflicts")?;
        self.replayed().await?;
        // A page of none would pass for the last one.
        let limit = limit.clamp(1, LIST_ROWS_MAX);
        loop {
            let (reads_store, evictions) = {
                let core = self.running.core();
                (core.reads_store(), core.evictions())
            };
            let (stored, is_cut) = if reads_store {
                self.stored_conflicts(kind, after.as_ref(), limit).await?
            } else {
                Default::default()
            };
            let core = self.running.core();
            // States that were in memory before the store was read are either stored or here still.
            if core.evictions() != evictions {
                continue;
            }
            let through = stored.last().filter(|_| is_cut).map(|(aggregate, _)| aggregate.clone());
            let mut open: Vec<_> = stored
                .into_iter()
                .filter(|(aggregate, _)| core.state(aggregate).is_none())
                .collect();
            let in_page =
                |aggregate: &AggregateId| through.as_ref().is_none_or(|end| aggregate <= end);
            let cached = core.conflicts(kind, after.as_ref());
            let cached = cached.take_while(|(aggregate, _)| in_page(aggregate)).take(limit);
            open.extend(cached.map(|(aggregate, conflicts)| (aggregate.clone(), conflicts)));
            open.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            let mut page = Vec::new();
            for (_, mut conflicts) in open {
                page.append(&mut conflicts);
                if page.len() >= limit {
                    break;
                }
            }
            if page.is_empty() && through.is_some() {
                // What the store named has been settled in memory.
                after = through;
                continue;
            }
            return Ok(page);
        }
    }

    /// The conflicts of a page of stored states after an aggregate, and true if more may follow.
    async fn stored_conflicts(
        &self,
        kind: Option<&Name>,
        after: Option<&AggregateId>,
        limit: usize,
    ) -> Result<(Vec<(AggregateId, Vec<AnyConflict>)>, bool), Error> {
        let (store, space) = (&self.running.store, &self.running.space);
        let named = store.conflicted(space, kind, after, limit).await?;
        let is_cut = named.len() == limit;
        let states = store.states_of(space, &named).await?;
        let mut open = Vec::with_capacity(named.len());
        for (aggregate, bytes) in named.into_iter().zip(states) {
            let Some(bytes) = bytes else { continue };
            let conflicts = self.stored(&aggregate.kind, &bytes)?.conflicts(&aggregate);
            open.push((aggregate, conflicts));
        }
        Ok((open, is_cut))
    }

    /// The same conflicts with the events of their writes.
    async fn told_conflicts<A: Aggregate>(
        &self,
        open: Vec<AnyConflict>,
    ) -> Result<Vec<Conflict<A>>, Error> {
        let writes = open.iter().flat_map(|it| it.winner.iter().chain(&it.losers));
        let events = self.history_events::<A>(writes.map(|write| write.dot).collect()).await?;
        let told = open.into_iter().filter_map(|conflict| {
            let field = key_of::<A>(&conflict)?;
            let AnyConflict { aggregate, entry, rule, chosen_by, winner, losers, .. } = conflict;
            let side = |write: Write| {
                let event = events.get(&write.dot).cloned();
                ConflictingWrite { write, event }
            };
            let winner = winner.map(side);
            let losers = losers.into_iter().map(side).collect();
            let id = Id::new(aggregate.key);
            Some(Conflict { id, field, entry, rule, chosen_by, winner, losers })
        });
        Ok(told.collect())
    }

    /// Events, by their identity in merging, as the histories of their aggregates tell them.
    async fn history_events<A: Aggregate>(
        &self,
        wanted: BTreeSet<Dot>,
    ) -> Result<BTreeMap<Dot, Arc<HistoryEvent<A>>>, Error> {
        let (store, space) = (&self.running.store, &self.running.space);
        let branches = store.branches(space).await?;
        let rulings = self.running.core().rulings().clone();
        let mut events = BTreeMap::new();
        let wanted: Vec<_> = wanted.into_iter().collect();
        for some in wanted.chunks(EVENTS_AT_ONCE) {
            for log in store.holding(space, some).await? {
                for (position, entry, standing) in log.ruled_on(&rulings, log.start) {
                    let dot = branches.dot(log.runs[entry.run()].branch, entry.dot().seq);
                    if some.binary_search(&dot).is_ok() {
                        let told = told(&log, position, &entry, (dot, standing));
                        events.extend(told.map(|told| (dot, Arc::new(told))));
                    }
                }
            }
        }
        Ok(events)
    }
}

/// The field of a conflict.
fn key_of<A: Aggregate>(conflict: &AnyConflict) -> Option<A::Field> {
    let place = A::FIELDS.iter().position(|field| field.schema().name == conflict.field)?;
    A::KEYS.get(place).copied()
}

/// Sees the open conflicts whenever they have changed since it last looked.
#[derive(Debug)]
pub struct ConflictWatch<A: Aggregate> {
    replica: Replica,
    fields: Vec<A::Field>,
    limit: usize,
    changes: WatchedChanges,
    shown: Option<Vec<AnyConflict>>,
}

impl<A: Aggregate> ConflictWatch<A> {
    /// The first page of open conflicts as it is, the first time; after that, as it is once it is
    /// another than the last call gave. Changes that come faster than they are looked at are seen as one.
    /// Cancellation-safe.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] once the replica is closed, or when the store cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Conflict<A>>, Error> {
        let closed = |_| Error::new("watch conflicts", ErrorKind::Closed);
        loop {
            self.changes.due().await.map_err(closed)?;
            let open = self.replica.open_in::<A>(&self.fields, None, self.limit).await?;
            if self.shown.as_ref() != Some(&open) {
                let told = self.replica.told_conflicts(open.clone()).await?;
                self.shown = Some(open);
                self.changes.shown();
                return Ok(told);
            }
            self.changes.shown();
        }
    }
}
