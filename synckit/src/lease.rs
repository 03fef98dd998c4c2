//! Leases: the users of an open store.
//!
//! A store outlives its users: replicas of several spaces and a hub share one, and closing one of
//! them does not close the others. Whoever opened the store closes it: a store that a builder opened
//! is closed with its last user, one that was handed over stays open. A space of a store has one
//! running replica at a time, because two would give the same numbers to different events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::id::SpaceId;
use crate::store::{Claim, EventStore, StoreError, StoreErrorKind};

/// The stores in use in this process.
static IN_USE: Mutex<Vec<InUse>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct InUse {
    store: Weak<EventStore>,
    opened_here: bool,
    users: usize,
}

/// The one who opened a store, and so closes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OpenedBy {
    /// A builder; nobody else knows of it unless it is handed on.
    Builder,
    /// The caller.
    Caller,
}

/// The use of a store, until it is released or dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Arc<EventStore>,
    /// Keeps other replicas from the space; `None` for a hub, or when the store is closed.
    _claim: Option<Claim>,
}

/// The space has a running replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpaceTaken;

impl Lease {
    /// For a replica of a space.
    pub(crate) fn of_space(
        store: Arc<EventStore>,
        opened_by: OpenedBy,
        space: &SpaceId,
    ) -> Result<Self, SpaceTaken> {
        let claim = match store.claim(space) {
            Ok(claim) => Some(claim),
            Err(error) if *error.kind() == StoreErrorKind::Claimed => return Err(SpaceTaken),
            // The replica's first read says that the store is closed.
            Err(_) => None,
        };
        let mut in_use = lock();
        entry(&mut in_use, &store, opened_by).users += 1;
        Ok(Self { store, _claim: claim })
    }

    /// For a hub, which writes under nobody's name.
    pub(crate) fn of_hub(store: Arc<EventStore>, opened_by: OpenedBy) -> Self {
        let mut in_use = lock();
        entry(&mut in_use, &store, opened_by).users += 1;
        Self { store, _claim: None }
    }

    /// Ends the use, and closes the store if a builder opened it and nobody else uses it.
    pub(crate) async fn release(self) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        let closes = {
            let in_use = lock();
            let entry = in_use.iter().find(|entry| entry.is_of(&store));
            entry.is_some_and(|entry| entry.opened_here && entry.users == 1)
        };
        drop(self);
        if closes { store.close().await } else { Ok(()) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut in_use = lock();
        if let Some(entry) = in_use.iter_mut().find(|entry| entry.is_of(&self.store)) {
            entry.users -= 1;
        }
        in_use.retain(|entry| entry.users > 0);
    }
}

impl InUse {
    fn is_of(&self, store: &Arc<EventStore>) -> bool {
        std::ptr::addr_eq(self.store.as_ptr(), Arc::as_ptr(store))
    }
}

fn entry<'a>(
    in_use: &'a mut Vec<InUse>,
    store: &Arc<EventStore>,
    opened_by: OpenedBy,
) -> &'a mut InUse {
    let found = in_use.iter().position(|entry| entry.is_of(store));
    let index = found.unwrap_or_else(|| {
        let opened_here = opened_by == OpenedBy::Builder;
        let store = Arc::downgrade(store);
        in_use.push(InUse { store, opened_here, users: 0 });
        in_use.len() - 1
    });
    &mut in_use[index]
}

fn lock() -> MutexGuard<'static, Vec<InUse>> {
    // Nothing panics while it is locked.
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}
