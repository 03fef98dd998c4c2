//! Edits that count once, however often they are tried.

use super::edit::Edited;
use super::engine::EditMade;
use super::{Replica, Transaction};
use crate::aggregate::{self, Aggregate, Edit, Id};
use crate::envelope::Metadata;
use crate::error::Error;
use crate::replica_core::ReplicaCore;

/// An edit under the key is made already.
struct Repeated;

impl Replica {
    /// Edits an aggregate as [`Replica::edit`] does, unless the space holds an edit under the same
    /// idempotency key: then nothing is recorded, and the result is `None`, once that edit is durable.
    ///
    /// So an edit that was given up, whose answer was lost in a crash, say, can be tried again under its
    /// key and counts once: also after a restart, and on another replica that has received it. The key,
    /// of 1 to [`METADATA_BYTES_MAX`](crate::envelope::METADATA_BYTES_MAX) bytes, is the caller's choice
    /// (a UUID, the id of a request) and stands for one edit in the whole space. Two replicas that
    /// make an edit under one key before either has received the other's have made two. An edit that
    /// records nothing leaves its key unused.
    ///
    /// ```
    /// # use synckit::{Id, Replica, registry, sync_aggregate};
    /// # #[sync_aggregate(name = "account")]
    /// # #[derive(Clone, Debug, Default)]
    /// # struct Account {
    /// #     #[merge(counter)]
    /// #     cents: i64,
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let replica = Replica::builder().registry(registry![Account]).in_memory().await?;
    /// # let ann = Id::<Account>::named("ann")?;
    /// for _attempt in 0..3 {
    ///     replica.edit_once(&ann, "payment 4711", |it| it.cents.add(500)).await?;
    /// }
    /// assert_eq!(replica.get(&ann).await?.unwrap().cents, 500);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Replica::edit`]; [`Invalid::Metadata`](crate::Invalid::Metadata) when the key is empty or
    /// too long.
    pub async fn edit_once<A: Aggregate, T>(
        &self,
        id: &Id<A>,
        once: &str,
        change: impl FnOnce(&mut Edit<'_, A>) -> T,
    ) -> Result<Option<Edited<T>>, Error> {
        self.edit_once_with(id, once, &Metadata::new(), change).await
    }

    /// Edits an aggregate once as [`Replica::edit_once`] does, with metadata on every event of the edit.
    ///
    /// # Errors
    /// Those of [`Replica::edit_once`].
    pub async fn edit_once_with<A: Aggregate, T>(
        &self,
        id: &Id<A>,
        once: &str,
        metadata: &Metadata,
        change: impl FnOnce(&mut Edit<'_, A>) -> T,
    ) -> Result<Option<Edited<T>>, Error> {
        let metadata = keyed(metadata, once)?;
        let mut change = Some(change);
        loop {
            if self.running.was_made(once).await? {
                return Ok(None);
            }
            let recorded = self.record_with(id, &metadata, |core, state| {
                let Some(change) = change.take_if(|_| core.made(once).is_none()) else {
                    return Err(Repeated);
                };
                let change = |edit: &mut Edit<'_, A>| Ok(change(edit));
                aggregate::edit(state.fields(), &state.next(core.next_event()), change)
            });
            // If somebody came first, and that edit fails, it is this one's turn again.
            if let Ok(edited) = recorded.await? {
                return Ok(Some(edited));
            }
        }
    }

    /// Runs a transaction as [`Replica::transaction`] does, unless the space holds an edit under the same
    /// idempotency key: see [`Replica::edit_once`].
    ///
    /// # Errors
    /// Those of [`Replica::transaction`] and [`Replica::edit_once`].
    pub async fn transaction_once<T, E: From<Error>>(
        &self,
        once: &str,
        change: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<Option<Edited<T>>, E> {
        self.transaction_once_with(once, &Metadata::new(), change).await
    }

    /// Runs a transaction once as [`Replica::transaction_once`] does, with metadata on every event.
    ///
    /// # Errors
    /// Those of [`Replica::transaction_once`].
    pub async fn transaction_once_with<T, E: From<Error>>(
        &self,
        once: &str,
        metadata: &Metadata,
        mut change: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<Option<Edited<T>>, E> {
        self.check_open("run a transaction")?;
        let metadata = keyed(metadata, once)?;
        let mut keys = Vec::new();
        loop {
            if self.running.was_made(once).await? {
                return Ok(None);
            }
            let make = |core: &ReplicaCore| match core.made(once) {
                Some(_) => Ok(EditMade::Events(Vec::new(), None)),
                None => Ok(self.run(core, &mut keys, &mut change).map(Some)),
            };
            let (last, made) = self.running.edit(Vec::new(), &metadata, make).await?;
            if let Some(made) = made {
                return made.map(|(events, value)| Some(Edited { events, last, value }));
            }
        }
    }
}

fn keyed(metadata: &Metadata, once: &str) -> Result<Metadata, Error> {
    let keyed = metadata.clone().with_once(once);
    keyed.map_err(|error| Error::invalid("edit once", error))
}
