//! Open conflicts of a replica's aggregates.

use super::Replica;
use crate::aggregate::{Aggregate, Id};
use crate::conflict::Conflict;
use crate::error::Error;
use crate::id::AggregateId;
use crate::registry::State;
use crate::store::LIST_ROWS_MAX;

impl Replica {
    /// Lists open conflicts: the writes that have lost to concurrent ones, and that nobody has seen
    /// who wrote the field since. Writes nothing.
    ///
    /// They are read from the states of the aggregates, so replicas that hold the same events list
    /// the same conflicts. They come aggregate by aggregate, ascending, after an aggregate, and all of
    /// an aggregate in one page: about [`LIST_ROWS_MAX`] conflicts. To go through all of them, pass the
    /// aggregate of the last one for the next page until a page is empty.
    /// [`ReplicaStatus::conflicts`](super::ReplicaStatus::conflicts) counts them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn conflicts(&self, after: Option<&AggregateId>) -> Result<Vec<Conflict>, Error> {
        self.check_open("list conflicts")?;
        self.replayed().await?;
        let mut after = after.cloned();
        loop {
            let (reads_store, evictions) = {
                let core = self.running.core();
                (core.reads_store(), core.evictions())
            };
            let (stored, is_cut) = if reads_store {
                self.stored_conflicts(after.as_ref()).await?
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
            let cached =
                core.conflicts(after.as_ref()).take_while(|(aggregate, _)| in_page(aggregate));
            let cached = cached.take(LIST_ROWS_MAX);
            open.extend(cached.map(|(aggregate, conflicts)| (aggregate.clone(), conflicts)));
            open.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            let mut page = Vec::new();
            for (_, mut conflicts) in open {
                page.append(&mut conflicts);
                if page.len() >= LIST_ROWS_MAX {
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

    /// The open conflicts of one aggregate.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conflicts_of<A: Aggregate>(&self, id: &Id<A>) -> Result<Vec<Conflict>, Error> {
        self.check_open("list conflicts")?;
        self.replayed().await?;
        let aggregate = self.aggregate_id(id)?;
        let open = |state: &dyn State| state.conflicts(&aggregate);
        Ok(self.read_state(&aggregate, open).await?.unwrap_or_default())
    }

    /// The conflicts of a page of stored states after an aggregate, and if more may follow.
    async fn stored_conflicts(
        &self,
        after: Option<&AggregateId>,
    ) -> Result<(Vec<(AggregateId, Vec<Conflict>)>, bool), Error> {
        let (store, space) = (&self.running.store, &self.running.space);
        let named = store.conflicted(space, after).await?;
        let is_cut = named.len() == LIST_ROWS_MAX;
        let states = store.states_of(space, &named).await?;
        let mut open = Vec::with_capacity(named.len());
        for (aggregate, bytes) in named.into_iter().zip(states) {
            let Some(bytes) = bytes else { continue };
            let conflicts = self.stored(&aggregate.kind, &bytes)?.conflicts(&aggregate);
            open.push((aggregate, conflicts));
        }
        Ok((open, is_cut))
    }
}
