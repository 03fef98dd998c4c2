//! States of aggregates, as checkpoints have written them.

use std::slice;

use bytes::Bytes;

use super::EventStore;
use crate::id::{AggregateId, Key, Name, SpaceId};
use crate::store::encoding::{SpaceNumber, SpaceRow};
use crate::store::parts::StateRow;
use crate::store::rows::Row;
use crate::store::seal::Damage;
use crate::store::{StoreError, StoreErrorKind, view};

/// Most times that a state in parts is looked up again because it was written in between.
const ATTEMPTS_MAX: usize = 64;

impl EventStore {
    /// The stored state of an aggregate.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn state(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
    ) -> Result<Option<Bytes>, StoreError> {
        Ok(self.states_of(space, slice::from_ref(aggregate)).await?.pop().flatten())
    }

    /// The stored states of several aggregates, in their order. Each is one that was stored; when states are
    /// written meanwhile, large ones among them may be newer than others.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn states_of(
        &self,
        space: &SpaceId,
        aggregates: &[AggregateId],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let read = |number| aggregates.iter().map(|id| view::state_read(number, id)).collect();
        let rows = |_: &_, rows: &[Vec<Row>]| {
            rows.iter().map(|rows| view::state(rows)).collect::<Result<Vec<_>, _>>()
        };
        let mut rows = self.read("read states", space, read, rows).await?;
        rows.resize(aggregates.len(), None);
        let mut states = Vec::with_capacity(rows.len());
        for (aggregate, row) in aggregates.iter().zip(rows) {
            states.push(self.whole(space, aggregate, row).await?);
        }
        Ok(states)
    }

    /// The stored states of a type's aggregates, ascending by key, after a key; at most `limit` and
    /// never more than [`LIST_ROWS_MAX`](crate::store::LIST_ROWS_MAX) rows. When states are written
    /// meanwhile, large ones among them may be newer than others.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn states(
        &self,
        space: &SpaceId,
        kind: &Name,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let read = |number| vec![view::states_read(number, kind, after, limit)];
        let rows = |space: &SpaceRow, rows: &[Vec<Row>]| {
            view::states(space.number, kind, super::first(rows))
        };
        let rows = self.read("list states", space, read, rows).await?;
        let mut states = Vec::with_capacity(rows.len());
        for (key, row) in rows {
            let aggregate = AggregateId { kind: kind.clone(), key };
            let state = self.whole(space, &aggregate, Some(row)).await?;
            states.extend(state.map(|state| (aggregate.key, state)));
        }
        Ok(states)
    }

    /// The state of a row, which may be in parts.
    async fn whole(
        &self,
        space: &SpaceId,
        aggregate: &AggregateId,
        mut row: Option<StateRow>,
    ) -> Result<Option<Bytes>, StoreError> {
        for _attempt in 0..ATTEMPTS_MAX {
            let parts = match row {
                None => return Ok(None),
                Some(StateRow::Whole(state)) => return Ok(Some(state)),
                Some(StateRow::Parts(parts)) => parts,
            };
            // The row is read again beside its parts: it tells if they are those of one state.
            let reads = |number: SpaceNumber| {
                let parts = parts.iter().map(|part| view::part_read(number, aggregate, *part));
                [view::state_read(number, aggregate)].into_iter().chain(parts).collect()
            };
            let look = |_: &_, rows: &[Vec<Row>]| {
                let [row, rows @ ..] = rows else {
                    return Err(Damage::new("a read was not answered"));
                };
                match view::state(row)? {
                    Some(StateRow::Parts(now)) if now == parts => {
                        view::joined(rows).map(|state| Some(StateRow::Whole(state)))
                    }
                    now => Ok(now),
                }
            };
            row = self.read("read a large state", space, reads, look).await?;
        }
        Err(StoreError::new("read a large state", StoreErrorKind::Contended))
    }
}
