//! Saying what a hub is to be, and serving it.

use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, watch};

use super::{Core, HUB_SESSIONS_MAX, Hub};
use crate::error::Error;
use crate::lease::{Lease, OpenedBy};
use crate::platform::{Tasks, WallClock};
use crate::store::EventStore;

/// Says what a hub is to be.
#[derive(Clone, Debug)]
pub struct HubBuilder {
    clock: WallClock,
    sessions_max: usize,
}

impl Default for HubBuilder {
    fn default() -> Self {
        Self { clock: WallClock::default(), sessions_max: HUB_SESSIONS_MAX }
    }
}

impl HubBuilder {
    /// Sets the source of the time of day; the system's clock by default.
    #[must_use]
    pub fn wall_clock(mut self, clock: WallClock) -> Self {
        self.clock = clock;
        self
    }

    /// Bounds the sessions served at the same time; [`HUB_SESSIONS_MAX`] by default.
    /// Further ones are told to try again later.
    #[must_use]
    pub fn sessions_max(mut self, sessions: usize) -> Self {
        self.sessions_max = sessions.min(Semaphore::MAX_PERMITS);
        self
    }

    /// Opens the hub over a redb file, which is created when it is not there. Commits are
    /// two-phase: they hold against peers that choose what is stored.
    ///
    /// # Errors
    /// When the file cannot be opened; each cause has a kind of its own.
    #[cfg(feature = "redb")]
    pub async fn open(self, path: impl Into<std::path::PathBuf>) -> Result<Hub, Error> {
        let options = crate::store::RedbOptions::hub();
        Ok(self.with(
            Arc::new(EventStore::open_blocking(path.into(), options).await?),
            OpenedBy::Builder,
        ))
    }

    /// Opens the hub over a fresh store in memory.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn in_memory(self) -> Result<Hub, Error> {
        Ok(self.with(Arc::new(EventStore::in_memory()?), OpenedBy::Builder))
    }

    /// Opens the hub over a store, which it may share with replicas. Closing the hub does not close
    /// the store.
    pub fn over(self, store: Arc<EventStore>) -> Hub {
        self.with(store, OpenedBy::Caller)
    }

    fn with(self, store: Arc<EventStore>, opened_by: OpenedBy) -> Hub {
        let lease = Lease::of_hub(Arc::clone(&store), opened_by);
        let core = Core {
            store,
            lease: Mutex::new(Some(lease)),
            clock: self.clock,
            places: Arc::new(Semaphore::new(self.sessions_max)),
            sessions: Mutex::new(Tasks::new()),
            stop: watch::Sender::new(false),
        };
        Hub { core: Arc::new(core) }
    }
}
