//! One edit over several aggregates.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use super::edit::{Edited, fresh};
use super::engine::{EditMade, refused};
use super::{Presence, Replica};
use crate::aggregate::{self, Aggregate, Edit, Id, Recorded};
use crate::envelope::Metadata;
use crate::error::{EditLimit, Error, ErrorKind};
use crate::event::EncodedEvent;
use crate::id::{AggregateId, Dot, Key};
use crate::registry::{RecordedEvent, State};
use crate::replica_core::{ReplicaCore, fold_made};
use crate::vector::Stamp;

/// Most aggregates that one transaction may read or edit.
pub const TRANSACTION_AGGREGATES_MAX: usize = 1_024;

/// An edit over several aggregates, also of several types. It reads what it has written.
pub struct Transaction<'t> {
    replica: &'t Replica,
    core: &'t ReplicaCore,
    /// The states of the aggregates that it has edited.
    edited: BTreeMap<AggregateId, Box<dyn State>>,
    events: Vec<(AggregateId, EncodedEvent)>,
    lacks: Option<AggregateId>,
    /// Keys of the aggregates that it creates, the same ones in every run.
    keys: Vec<Key>,
    created: usize,
}

impl Replica {
    /// Edits several aggregates, also of several types, by one closure. All that it records becomes one
    /// commit: every replica applies it whole or not at all. When the closure fails, nothing is written.
    ///
    /// `change` runs while no other edit of this replica runs, on top of those made before it. **It may
    /// run several times**: an aggregate that is not in memory ends the run with an error of the kind
    /// [`NotLoaded`](ErrorKind::NotLoaded), which `?` hands on, and the next run finds it there. So it
    /// must not wait for anything, and leave nothing behind but what it records.
    ///
    /// ```
    /// # use synckit::{Error, Id, Replica, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "account")]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Account {
    /// #     #[merge(counter)]
    /// #     cents: i64,
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Account]).in_memory().await?;
    /// # let ann = replica.create(&Account { cents: 500 }).await?;
    /// # let bob = replica.create(&Account { cents: 0 }).await?;
    /// let left = replica.transaction(|tx| {
    ///     tx.edit(&ann, |it| it.cents.add(-200))?;
    ///     tx.edit(&bob, |it| it.cents.add(200))?;
    ///     let ann = tx.get(&ann)?.ok_or("no such account")?;
    ///     if ann.cents < 0 { Err("not enough".into()) } else { Ok::<_, Box<dyn std::error::Error>>(ann.cents) }
    /// });
    /// assert_eq!(left.await?.value, 300);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The closure's own, and those of [`Replica::edit`].
    pub async fn transaction<T, E: From<Error>>(
        &self,
        change: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<Edited<T>, E> {
        self.transaction_with(&Metadata::new(), change).await
    }

    /// Edits several aggregates as [`Replica::transaction`] does, with metadata on every event.
    ///
    /// # Errors
    /// Those of [`Replica::transaction`].
    pub async fn transaction_with<T, E: From<Error>>(
        &self,
        metadata: &Metadata,
        mut change: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<Edited<T>, E> {
        self.check_open("run a transaction")?;
        let mut keys = Vec::new();
        let make = |core: &ReplicaCore| Ok(self.run(core, &mut keys, &mut change));
        let (last, made) = self.running.edit(Vec::new(), metadata, make).await?;
        made.map(|(events, value)| Edited { events, last, value })
    }

    /// Runs a transaction's closure; what it records, and its value with the number of events. `keys` are
    /// those that earlier runs have created aggregates under.
    pub(super) fn run<T, E>(
        &self,
        core: &ReplicaCore,
        keys: &mut Vec<Key>,
        change: &mut impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> EditMade<Result<(usize, T), E>> {
        let mut tx = Transaction::new(self, core, std::mem::take(keys));
        let changed = change(&mut tx);
        let Transaction { events, lacks, .. } = tx;
        *keys = tx.keys;
        match (lacks, changed) {
            (Some(aggregate), _) => EditMade::Lacks(aggregate),
            (None, Ok(value)) => {
                let count = events.len();
                EditMade::Events(events, Ok((count, value)))
            }
            // Nothing is recorded, so nothing is written.
            (None, Err(refused)) => EditMade::Events(Vec::new(), Err(refused)),
        }
    }
}

impl<'t> Transaction<'t> {
    fn new(replica: &'t Replica, core: &'t ReplicaCore, keys: Vec<Key>) -> Self {
        let (edited, events, lacks) = (BTreeMap::new(), Vec::new(), None);
        Self { replica, core, edited, events, lacks, keys, created: 0 }
    }

    /// The aggregate, with what this transaction has recorded; `None` when it is not there.
    ///
    /// # Errors
    /// [`NotLoaded`](ErrorKind::NotLoaded): return it; [`Registry`](ErrorKind::Registry) when the type is
    /// not registered.
    pub fn get<A: Aggregate>(&mut self, id: &Id<A>) -> Result<Option<A>, Error> {
        let aggregate = self.replica.whole_id(id)?;
        Ok(Presence::of(self.state(&aggregate)?).there())
    }

    /// Creates an aggregate under a fresh key.
    ///
    /// # Errors
    /// Those of [`Transaction::edit`].
    pub fn create<A: Aggregate>(&mut self, aggregate: &A) -> Result<Id<A>, Error> {
        if self.keys.len() == self.created {
            self.keys.push(fresh::<A>()?.key().clone());
        }
        let id = Id::new(self.keys[self.created].clone());
        self.created += 1;
        self.edit(&id, |it: &mut Edit<'_, A>| it.create(aggregate))?;
        Ok(id)
    }

    /// Edits an aggregate, and returns what `change` returns.
    ///
    /// # Errors
    /// [`Deleted`](ErrorKind::Deleted); [`Invalid`](ErrorKind::Invalid) when this program cannot apply
    /// what it records; those of [`Transaction::get`].
    pub fn edit<A: Aggregate, T>(
        &mut self,
        id: &Id<A>,
        change: impl FnOnce(&mut Edit<'_, A>) -> T,
    ) -> Result<T, Error> {
        self.record(id, |_, it| change(it))
    }

    /// Edits an aggregate; one that is not there is created before.
    ///
    /// # Errors
    /// Those of [`Transaction::edit`].
    pub fn upsert<A: Aggregate, T>(
        &mut self,
        id: &Id<A>,
        change: impl FnOnce(&mut Edit<'_, A>) -> T,
    ) -> Result<T, Error> {
        self.record(id, |is_fresh, it| {
            if is_fresh || it.is_deleted() {
                it.begin();
            }
            change(it)
        })
    }

    /// Deletes an aggregate, as [`Replica::delete`] does.
    ///
    /// # Errors
    /// Those of [`Transaction::get`].
    pub fn delete<A: Aggregate>(&mut self, id: &Id<A>) -> Result<(), Error> {
        self.record(id, |is_fresh, it: &mut Edit<'_, A>| {
            if !is_fresh {
                it.delete();
            }
        })
    }

    fn record<A: Aggregate, T>(
        &mut self,
        id: &Id<A>,
        change: impl FnOnce(bool, &mut Edit<'_, A>) -> T,
    ) -> Result<T, Error> {
        let aggregate = self.replica.whole_id(id)?;
        let next = self.next_event();
        let state = self.state(&aggregate)?;
        let change = |it: &mut Edit<'_, A>| Ok::<_, Infallible>(change(state.is_fresh(), it));
        let recorded = aggregate::edit(state.fields(), &state.next(next), change);
        let Recorded { events, value, .. } = match recorded {
            Ok(recorded) => recorded,
            Err(never) => match never {},
        };
        let events = events.map_err(|error| Error::invalid(format!("edit {aggregate}"), error))?;
        if events.is_empty() {
            return Ok(value);
        }
        let mut state = state.duplicate();
        for (event, later) in events.iter().zip(0..) {
            fold(state.as_mut(), Dot { seq: next.seq + later, ..next }, event)
                .map_err(|refusal| refused(format!("edit {aggregate}"), refusal))?;
        }
        self.events.extend(events.into_iter().map(|event| (aggregate.clone(), event)));
        self.edited.insert(aggregate, state);
        Ok(value)
    }

    /// The event that comes after those recorded.
    fn next_event(&self) -> Dot {
        let next = self.core.next_event();
        Dot { seq: next.seq.saturating_add(self.events.len() as u64), ..next }
    }

    /// The newest state of an aggregate.
    fn state(&mut self, aggregate: &AggregateId) -> Result<&dyn State, Error> {
        if self.lacks.is_none() && !self.edited.contains_key(aggregate) {
            if self.edited.len() == TRANSACTION_AGGREGATES_MAX {
                let limit = EditLimit::Aggregates(TRANSACTION_AGGREGATES_MAX);
                return Err(Error::new("run a transaction", ErrorKind::EditTooLarge(limit)));
            }
            if self.core.newest(aggregate).is_none() {
                self.lacks = Some(aggregate.clone());
            }
        }
        let held = self.edited.get(aggregate).map(|state| &**state);
        let held = held.or_else(|| self.core.newest(aggregate)).filter(|_| self.lacks.is_none());
        held.ok_or_else(|| Error::new(format!("read {aggregate}"), ErrorKind::NotLoaded))
    }
}

/// Folds an event as the one that its author writes next.
fn fold(
    state: &mut dyn State,
    dot: Dot,
    event: &EncodedEvent,
) -> Result<(), crate::replica_core::EditRefusal> {
    let context = state.context(&dot.replica, &event.depends_on);
    let hlc = state.next(dot).hlc;
    let event = RecordedEvent::new(&event.event, &event.payload);
    fold_made(state, &Stamp::new(dot, hlc, &context), event)
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("events", &self.events.len()).finish_non_exhaustive()
    }
}
