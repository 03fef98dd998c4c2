//! Watchers of aggregates.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::id::AggregateId;

/// Watched aggregates before those that nobody watches any more are looked for.
const SWEEP_LEAST: usize = 64;

/// The aggregates that are watched. Takes memory for those only.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    watched: Mutex<Watched>,
    closed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Watched {
    by_aggregate: BTreeMap<AggregateId, watch::Sender<u64>>,
    /// Counts the changes of aggregates with open conflicts.
    disputes: watch::Sender<u64>,
    /// The number of aggregates at which forgotten ones are looked for: twice as many as were left
    /// the last time, so that looking costs each subscription the same.
    sweep_at: usize,
}

/// Waits for the end of a replica.
#[derive(Debug)]
pub(super) struct ReplicaEnd(watch::Receiver<bool>);

impl ReplicaEnd {
    /// Returns once no more changes follow.
    pub(super) async fn wait(&mut self) {
        // An error says that the replica is gone.
        let _ = self.0.wait_for(|closed| *closed).await;
    }
}

/// Changes as somebody sees them who looks now and then.
#[derive(Debug)]
pub(super) struct WatchedChanges {
    receiver: watch::Receiver<u64>,
    /// A change has not been shown.
    due: bool,
}

impl WatchedChanges {
    /// The first look needs no change.
    const fn of(receiver: watch::Receiver<u64>) -> Self {
        Self { receiver, due: true }
    }

    /// Waits until a change is due. It stays so until it is [`shown`](WatchedChanges::shown), also when whoever
    /// looks is cancelled meanwhile.
    ///
    /// # Errors
    /// When no more changes follow.
    pub(super) async fn due(&mut self) -> Result<(), watch::error::RecvError> {
        if !self.due {
            self.receiver.changed().await?;
            self.due = true;
        }
        // Whatever changes from here on is due again.
        self.receiver.has_changed()?;
        self.receiver.mark_unchanged();
        Ok(())
    }

    pub(super) const fn shown(&mut self) {
        self.due = false;
    }
}

impl Watchers {
    /// Sees every change of an aggregate from here on; `None` once there are no more.
    pub(super) fn subscribe(&self, aggregate: &AggregateId) -> Option<WatchedChanges> {
        let mut watched = self.lock();
        if self.are_closed() {
            return None;
        }
        if watched.by_aggregate.len() >= watched.sweep_at.max(SWEEP_LEAST) {
            watched.by_aggregate.retain(|_, changes| changes.receiver_count() > 0);
            watched.sweep_at = 2 * watched.by_aggregate.len();
        }
        let of_aggregate = watched.by_aggregate.entry(aggregate.clone());
        let changes = of_aggregate.or_insert_with(|| watch::Sender::new(0)).subscribe();
        Some(WatchedChanges::of(changes))
    }

    /// Sees every change of open conflicts from here on; `None` once there are no more.
    pub(super) fn subscribe_to_conflicts(&self) -> Option<WatchedChanges> {
        let watched = self.lock();
        (!self.are_closed()).then(|| WatchedChanges::of(watched.disputes.subscribe()))
    }

    /// Aggregates have changed. `disputes` counts the changes of those with open conflicts.
    pub(super) fn notify(&self, changed: &[AggregateId], disputes: u64) {
        let watched = self.lock();
        watched.disputes.send_if_modified(|known| std::mem::replace(known, disputes) != disputes);
        if watched.by_aggregate.is_empty() {
            return;
        }
        for changes in changed.iter().filter_map(|it| watched.by_aggregate.get(it)) {
            changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// No more changes follow.
    pub(super) fn close(&self) {
        let mut watched = self.lock();
        self.closed.send_replace(true);
        watched.by_aggregate.clear();
        watched.disputes = watch::Sender::default();
    }

    /// Waits until no more changes follow.
    pub(super) fn closing(&self) -> ReplicaEnd {
        ReplicaEnd(self.closed.subscribe())
    }

    /// True when no more changes follow.
    pub(super) fn are_closed(&self) -> bool {
        *self.closed.borrow()
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
