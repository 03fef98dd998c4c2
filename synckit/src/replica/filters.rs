//! Replicas that hold a part of a space.

use super::{Replica, pending};
use crate::aggregate::{Aggregate, Id};
use crate::error::{Error, ErrorKind};
use crate::filter::{FILTER_PARTS_MAX, Filter, Predicates};
use crate::id::{AggregateId, SpaceId};
use crate::registry::Registry;
use crate::store::EventStore;

impl Replica {
    /// The aggregate with an id, if it is among those that the replica holds.
    pub(super) fn held_id<A: Aggregate>(&self, id: &Id<A>) -> Result<AggregateId, Error> {
        let aggregate = self.aggregate_id(id)?;
        match &self.filter {
            Some(filter) if !filter.names(&aggregate) => {
                let kind = ErrorKind::OutsideFilter { filter: Filter::clone(filter) };
                Err(Error::new(format!("use {aggregate}"), kind))
            }
            _ => Ok(aggregate),
        }
    }

    /// The aggregate with an id, if it can be edited here: all of its events are held.
    pub(super) fn whole_id<A: Aggregate>(&self, id: &Id<A>) -> Result<AggregateId, Error> {
        let aggregate = self.held_id(id)?;
        match &self.filter {
            Some(filter) if !filter.names_whole(&aggregate) => {
                let kind = ErrorKind::PartOfAggregate { filter: Filter::clone(filter) };
                Err(Error::new(format!("edit {aggregate}"), kind))
            }
            _ => Ok(aggregate),
        }
    }
}

/// The filter with the functions that it asks, if it is one that can be kept and sent.
pub(super) fn resolve(
    space: &SpaceId,
    filter: Option<Filter>,
    predicates: &Predicates,
) -> Result<Option<Filter>, Error> {
    let refused = |kind| Error::new(opening(space), kind);
    let Some(filter) = filter else { return Ok(None) };
    let found = filter.parts().len();
    if !(1..=FILTER_PARTS_MAX).contains(&found) {
        return Err(refused(ErrorKind::FilterParts { found }));
    }
    if let Some(part) = filter.parts().find(|part| !part.can_be_sent()) {
        let part = Filter::new().part(part.clone());
        return Err(refused(ErrorKind::FilterText { part }));
    }
    let unknown = |predicate| refused(ErrorKind::FilterPredicate { predicate });
    filter.resolved(predicates).map(Some).map_err(unknown)
}

fn opening(space: &SpaceId) -> String {
    format!("open a replica of space `{space}`")
}

/// Has a store hold what a filter names of a space. If it held something else, it forgets that, or shows less of it, or
/// is left alone where it holds less.
pub(super) async fn hold(
    store: &EventStore,
    space: &SpaceId,
    filter: Option<&Filter>,
    refetch: bool,
) -> Result<(), Error> {
    let refused = |kind| Error::new(opening(space), kind);
    if let Some(filter) = filter {
        store.opened_with(space, filter).await;
    }
    let held = store.filter(space).await?;
    if held.as_ref() == filter {
        return Ok(());
    }
    if refetch {
        let events = match &held {
            // What others wrote it has from whoever holds all of it.
            Some(_) => pending::unsynced(store, space).await?,
            None => pending::unheld(store, space).await?,
        };
        if events > 0 {
            return Err(refused(ErrorKind::Unsynced { events, held }));
        }
        store.forget_space(space).await?;
    } else if let Some(held) = held {
        if !filter.is_some_and(|filter| held.contains(filter)) {
            return Err(refused(ErrorKind::FilterWider { held }));
        }
    } else {
        // A part goes on giving what was written in it, and nothing else.
        let (all, own) =
            (pending::unheld(store, space).await?, pending::unsynced(store, space).await?);
        let events = all.saturating_sub(own);
        if events > 0 {
            return Err(refused(ErrorKind::Unsynced { events, held }));
        }
    }
    match filter {
        Some(filter) => Ok(store.narrow(space, filter.clone()).await?),
        None => Ok(()),
    }
}

/// The fingerprint of the states that types and a filter make of a log.
pub(super) fn fingerprint(registry: &Registry, filter: Option<&Filter>) -> [u8; 32] {
    let of_types = registry.fingerprint();
    let Some(filter) = filter else { return of_types };
    *blake3::keyed_hash(&of_types, &filter.write()).as_bytes()
}
