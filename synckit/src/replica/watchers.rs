//! Who waits for which aggregate to change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::id::AggregateId;

/// The aggregates that are watched. Takes memory for those only.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<BTreeMap<AggregateId, watch::Sender<u64>>>);

impl Watchers {
    /// Sees every change of an aggregate from here on.
    pub(super) fn subscribe(&self, aggregate: &AggregateId) -> watch::Receiver<u64> {
        let mut watched = self.lock();
        watched.retain(|_, changes| changes.receiver_count() > 0);
        watched.entry(aggregate.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Aggregates have changed.
    pub(super) fn notify(&self, changed: &BTreeSet<AggregateId>) {
        let watched = self.lock();
        if watched.is_empty() {
            return;
        }
        for changes in changed.iter().filter_map(|aggregate| watched.get(aggregate)) {
            changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// No more changes follow.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AggregateId, watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
