//! Waking those who wait for a log to move.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::id::SpaceId;

/// Tells the waiters of a space, and only those, that its log has moved.
#[derive(Debug, Default)]
pub(super) struct LogWatch {
    /// Spaces that somebody waits for, or did until they were last looked at.
    spaces: Mutex<BTreeMap<SpaceId, Arc<Moves>>>,
}

/// The moves of a log. Wakes waiters in the order in which they came, so that a simulated world
/// goes the same way twice; `tokio::sync::watch` wakes them in a random one.
#[derive(Debug, Default)]
struct Moves {
    count: AtomicU64,
    wake: Notify,
}

/// Sees the moves of a log since it was subscribed to.
#[derive(Debug)]
pub(super) struct MovesSeen {
    moves: Arc<Moves>,
    seen: u64,
}

impl LogWatch {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The log of a space has moved.
    pub(super) fn notify(&self, space: &SpaceId) {
        let mut spaces = self.lock();
        let Some(moves) = spaces.get(space) else { return };
        if is_watched(moves) {
            moves.count.fetch_add(1, Ordering::AcqRel);
            moves.wake.notify_waiters();
        } else {
            spaces.remove(space);
        }
    }

    /// Sees every notification from here on.
    pub(super) fn subscribe(&self, space: &SpaceId) -> MovesSeen {
        let mut spaces = self.lock();
        if !spaces.contains_key(space) {
            spaces.retain(|_, moves| is_watched(moves));
        }
        let moves = Arc::clone(spaces.entry(space.clone()).or_default());
        let seen = moves.count.load(Ordering::Acquire);
        MovesSeen { moves, seen }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SpaceId, Arc<Moves>>> {
        // Nothing panics while it is locked.
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True if somebody holds it beside the map.
fn is_watched(moves: &Arc<Moves>) -> bool {
    Arc::strong_count(moves) > 1
}

impl MovesSeen {
    /// Returns when the log has moved since the last time. Cancellation-safe.
    pub(super) async fn changed(&mut self) {
        loop {
            // Woken by whoever counts after this.
            let woken = self.moves.wake.notified();
            let count = self.moves.count.load(Ordering::Acquire);
            if count != self.seen {
                self.seen = count;
                return;
            }
            woken.await;
        }
    }
}
