//! Edits of a replica's aggregates.

use std::convert::Infallible;

use super::engine::EditMade;
use super::{Presence, Replica};
use crate::aggregate::{self, Aggregate, Edit, EventOf, Id, Recorded};
use crate::envelope::Metadata;
use crate::error::Error;
use crate::id::{Dot, Key};
use crate::platform;
use crate::registry::State;
use crate::replica_core::ReplicaCore;

/// The result of an edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Edited<T = ()> {
    /// The number of events recorded; 0 when the edit recorded nothing.
    pub events: usize,
    /// The last of them.
    pub last: Option<Dot>,
    /// The value that the edit's closure returned.
    pub value: T,
}

impl Replica {
    /// Creates an aggregate under a fresh key (a UUID of version 7, which sorts by time of
    /// creation).
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn create<A: Aggregate>(&self, aggregate: &A) -> Result<Id<A>, Error> {
        self.create_with(aggregate, &Metadata::new()).await
    }

    /// Creates an aggregate as [`Replica::create`] does, with metadata on every event.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn create_with<A: Aggregate>(
        &self,
        aggregate: &A,
        metadata: &Metadata,
    ) -> Result<Id<A>, Error> {
        let id = fresh()?;
        self.edit_with(&id, metadata, |edit: &mut Edit<'_, A>| edit.create(aggregate)).await?;
        Ok(id)
    }

    /// Edits an aggregate. All that `change` records becomes one commit: every replica applies it
    /// whole or not at all. An aggregate that does not exist yet begins to; one that is deleted stays so,
    /// unless `change` begins with [`Edit::create`].
    ///
    /// `change` runs once, as soon as it is this edit's turn, and while no other edit of this
    /// replica runs: of several tasks that edit, each builds on what those before it made. It must
    /// not wait for anything. Edits made while others are being written become durable together.
    ///
    /// When this returns, the edit is durable, and reads show it. Cancelling it leaves open whether
    /// the edit takes effect. An edit that records nothing writes nothing; one that fails leaves no
    /// trace.
    ///
    /// # Errors
    /// When the aggregate is deleted ([`ErrorKind::Deleted`](crate::ErrorKind::Deleted)), the store fails ([`ErrorKind::Store`](crate::ErrorKind::Store): the disk is full, say; the edit then did not
    /// take effect, unless the kind is `Io`, which leaves it open), the type is not registered
    /// ([`ErrorKind::Registry`](crate::ErrorKind::Registry)), the edit is too large ([`ErrorKind::EditTooLarge`](crate::ErrorKind::EditTooLarge)), or this
    /// program cannot apply the edit's own events, because its code panics on them, say
    /// ([`ErrorKind::Invalid`](crate::ErrorKind::Invalid)).
    pub async fn edit<A: Aggregate>(
        &self,
        id: &Id<A>,
        change: impl FnOnce(&mut Edit<'_, A>),
    ) -> Result<Edited, Error> {
        self.edit_with(id, &Metadata::new(), change).await
    }

    /// Edits an aggregate with metadata on every event of the edit, such as who made it.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn edit_with<A: Aggregate>(
        &self,
        id: &Id<A>,
        metadata: &Metadata,
        change: impl FnOnce(&mut Edit<'_, A>),
    ) -> Result<Edited, Error> {
        let change = |edit: &mut Edit<'_, A>| {
            change(edit);
            Ok(())
        };
        let edited: Result<_, Infallible> = self.try_edit_with(id, metadata, change).await?;
        edited.map_err(|never| match never {})
    }

    /// Edits an aggregate; one that is not there, because it never was or because it is deleted, is
    /// created before.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn upsert<A: Aggregate>(
        &self,
        id: &Id<A>,
        change: impl FnOnce(&mut Edit<'_, A>),
    ) -> Result<Edited, Error> {
        self.upsert_with(id, &Metadata::new(), change).await
    }

    /// Edits or creates an aggregate as [`Replica::upsert`] does, with metadata on every event.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn upsert_with<A: Aggregate>(
        &self,
        id: &Id<A>,
        metadata: &Metadata,
        change: impl FnOnce(&mut Edit<'_, A>),
    ) -> Result<Edited, Error> {
        let edited = self.record(id, metadata, |state, next| {
            let upsert = |it: &mut Edit<'_, A>| -> Result<(), Infallible> {
                if state.is_fresh() || it.is_deleted() {
                    it.begin();
                }
                change(it);
                Ok(())
            };
            aggregate::edit(state.fields(), &state.next(next), upsert)
        });
        edited.await?.map_err(|never| match never {})
    }

    /// Deletes an aggregate: [`Replica::get`] gives `None`, [`Replica::list`] leaves it out, and edits of
    /// it are refused until it is created again. Its events stay in the log. Records nothing when it is
    /// not there.
    ///
    /// A concurrent edit, which the author of the deletion had not seen, is lost with the aggregate; with
    /// `on_delete = edit_wins` it keeps the aggregate, with all that it had.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn delete<A: Aggregate>(&self, id: &Id<A>) -> Result<Edited, Error> {
        self.delete_with(id, &Metadata::new()).await
    }

    /// Deletes an aggregate with metadata on the event, such as who did.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn delete_with<A: Aggregate>(
        &self,
        id: &Id<A>,
        metadata: &Metadata,
    ) -> Result<Edited, Error> {
        let deleted = self.record(id, metadata, |state, next| {
            let delete = |it: &mut Edit<'_, A>| -> Result<(), Infallible> {
                if !state.is_fresh() {
                    it.delete();
                }
                Ok(())
            };
            aggregate::edit(state.fields(), &state.next(next), delete)
        });
        deleted.await?.map_err(|never| match never {})
    }

    /// Edits an aggregate by a closure that returns a value or fails. The outer error is the
    /// replica's, the inner one the closure's own: the edit then records nothing.
    ///
    /// ```
    /// # use synckit::{Id, Replica, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "event")]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Event {
    /// #     #[merge(counter)]
    /// #     booked: i64,
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Event]).in_memory().await?;
    /// # let concert = Id::<Event>::named("concert")?;
    /// let booked = replica.try_edit(&concert, |it| {
    ///     if *it.booked >= 100 {
    ///         return Err("sold out");
    ///     }
    ///     it.booked.add(1);
    ///     Ok(*it.booked)
    /// });
    /// assert_eq!(booked.await??.value, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn try_edit<A: Aggregate, T, E>(
        &self,
        id: &Id<A>,
        change: impl FnOnce(&mut Edit<'_, A>) -> Result<T, E>,
    ) -> Result<Result<Edited<T>, E>, Error> {
        self.try_edit_with(id, &Metadata::new(), change).await
    }

    /// Edits an aggregate as [`Replica::try_edit`] does, with metadata on every event of the edit.
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn try_edit_with<A: Aggregate, T, E>(
        &self,
        id: &Id<A>,
        metadata: &Metadata,
        change: impl FnOnce(&mut Edit<'_, A>) -> Result<T, E>,
    ) -> Result<Result<Edited<T>, E>, Error> {
        let recorded = self.record(id, metadata, |state, next| {
            aggregate::edit(state.fields(), &state.next(next), change)
        });
        recorded.await
    }

    /// Decides on domain events by the aggregate as it is; `None` when it is not there. What the decision
    /// returns becomes one commit, in one atomic step with the reading: no edit of this replica comes in
    /// between. The outer error is the replica's, the inner one the decision's own, and then nothing is
    /// recorded. Edits of others that are concurrent are merged with it, as with every edit.
    ///
    /// ```
    /// # use synckit::{Id, Lower, Replica, SyncEvent, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "event", events(Booked))]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Event {
    /// #     #[merge(counter)]
    /// #     booked: i64,
    /// # }
    /// # #[derive(SyncEvent, Clone, Debug)]
    /// # #[event(name = "event.booked")]
    /// # struct Booked { seats: i64 }
    /// # impl Lower<Booked> for Event {
    /// #     fn lower(event: &Booked, ops: &mut EventOps<'_>) { ops.booked.add(event.seats); }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Event]).in_memory().await?;
    /// # let concert = Id::<Event>::named("concert")?;
    /// let book = |seats: i64| {
    ///     move |event: Option<&Event>| match event.map_or(0, |event| event.booked) {
    ///         booked if booked + seats > 100 => Err("sold out"),
    ///         _ => Ok([Booked { seats }]),
    ///     }
    /// };
    /// assert!(replica.decide(&concert, book(99)).await?.is_ok());
    /// assert_eq!(replica.decide(&concert, book(2)).await?.unwrap_err(), "sold out");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Replica::edit`].
    pub async fn decide<A: Aggregate, I, E>(
        &self,
        id: &Id<A>,
        decision: impl FnOnce(Option<&A>) -> Result<I, E>,
    ) -> Result<Result<Edited, E>, Error>
    where
        I: IntoIterator<Item: EventOf<A>>,
    {
        let metadata = Metadata::new();
        let recorded = self.record(id, &metadata, |state, next| {
            let shown = Presence::<A>::of(state).there();
            let events = decision(shown.as_ref())?;
            let emit = |it: &mut Edit<'_, A>| {
                events.into_iter().for_each(|event| it.emit(event));
                Ok(())
            };
            aggregate::edit(state.fields(), &state.next(next), emit)
        });
        recorded.await
    }

    /// Makes an edit of what `make` records on top of the newest state.
    async fn record<A: Aggregate, T, E>(
        &self,
        id: &Id<A>,
        metadata: &Metadata,
        make: impl FnOnce(&dyn State, Dot) -> Result<Recorded<T>, E>,
    ) -> Result<Result<Edited<T>, E>, Error> {
        self.record_with(id, metadata, |core, state| make(state, core.next_event())).await
    }

    pub(super) async fn record_with<A: Aggregate, T, E>(
        &self,
        id: &Id<A>,
        metadata: &Metadata,
        make: impl FnOnce(&ReplicaCore, &dyn State) -> Result<Recorded<T>, E>,
    ) -> Result<Result<Edited<T>, E>, Error> {
        self.check_open("edit an aggregate")?;
        let aggregate = self.whole_id(id)?;
        let mut make = Some(make);
        let made = |core: &ReplicaCore| {
            let (Some(state), Some(make)) = (core.newest(&aggregate), make.take()) else {
                return Ok(EditMade::Lacks(aggregate.clone()));
            };
            match make(core, state) {
                Ok(Recorded { events, value, .. }) => {
                    let invalid = |error| Error::invalid(format!("edit {aggregate}"), error);
                    let events = events.map_err(invalid)?;
                    let count = events.len();
                    let of_it = |event| (aggregate.clone(), event);
                    Ok(EditMade::Events(
                        events.into_iter().map(of_it).collect(),
                        Ok((count, value)),
                    ))
                }
                // Nothing is recorded, so nothing is written.
                Err(refused) => Ok(EditMade::Events(Vec::new(), Err(refused))),
            }
        };
        let (last, made) = self.running.edit(vec![aggregate.clone()], metadata, made).await?;
        Ok(made.map(|(events, value)| Edited { events, last, value }))
    }
}

/// An id that nobody has: a UUID of version 7, which sorts by time of creation.
pub(super) fn fresh<A: Aggregate>() -> Result<Id<A>, Error> {
    let key = Key::new(&platform::fresh_uuid());
    key.map(Id::new).map_err(|error| Error::invalid("create an aggregate", error))
}
