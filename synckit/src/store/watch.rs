//! Waking those who wait for a log to move.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::id::SpaceId;

/// Tells the waiters of a space, and only those, that its log has moved.
#[derive(Debug, Default)]
pub(super) struct LogWatch {
    /// Spaces that somebody waits for, or did until they were last looked at.
    spaces: Mutex<BTreeMap<SpaceId, watch::Sender<()>>>,
}

impl LogWatch {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The log of a space has moved.
    pub(super) fn notify(&self, space: &SpaceId) {
        let mut spaces = self.lock();
        if spaces.get(space).is_some_and(|waiters| waiters.send(()).is_err()) {
            spaces.remove(space);
        }
    }

    /// Sees every notification from here on.
    pub(super) fn subscribe(&self, space: &SpaceId) -> watch::Receiver<()> {
        let mut spaces = self.lock();
        if let Some(waiters) = spaces.get(space) {
            return waiters.subscribe();
        }
        spaces.retain(|_, waiters| waiters.receiver_count() > 0);
        spaces.entry(space.clone()).or_default().subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SpaceId, watch::Sender<()>>> {
        // Nothing panics while it is locked.
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
