//! The hub: keeps and forwards what replicas write, and applies nothing.
//!
//! A hub takes from each replica whatever it lacks and gives it everybody's events. It knows no
//! event types and keeps no states, so it needs no upgrade when they change.
//!
//! It admits every replica that reaches it and proves its key, to every space: who may reach it is
//! for the network to say. Within that, a replica can write under no other name than its own: it may
//! relay others' events, which their authors have signed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::driver::{Driven, Driver};
use crate::error::{Error, ErrorKind};
use crate::gate::Gate;
use crate::lease::Lease;
use crate::platform::{self, Tasks, WallClock};
use crate::store::EventStore;
use crate::sync::{Config, Progress, Role, Until};
use crate::transport::{Acceptor, ChannelListener, Connection, TransportError, TransportErrorKind};

mod builder;
#[cfg(feature = "grpc")]
mod server;

pub use crate::gate::Proposal;
pub use crate::ruling::{Authority, Rejection};
pub use builder::HubBuilder;
#[cfg(feature = "grpc")]
pub use server::RunningHub;

/// Sessions that a hub serves at the same time unless told otherwise.
pub const HUB_SESSIONS_MAX: usize = 1_024;
/// Closing a hub waits this long for its sessions to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A hub over a store. Cloning gives another handle to the same hub.
#[derive(Clone)]
pub struct Hub {
    core: Arc<Core>,
}

struct Core {
    store: Arc<EventStore>,
    gate: Arc<Gate>,
    /// `None` once the hub is closed.
    lease: Mutex<Option<Lease>>,
    clock: WallClock,
    places: Arc<Semaphore>,
    sessions: Mutex<Tasks<()>>,
    stop: watch::Sender<bool>,
}

impl Hub {
    /// Says what a hub is to be, and opens it.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Accepts the connections of a listener inside this process until it has no more.
    pub async fn serve_channel(&self, mut listener: ChannelListener) {
        while let Some(connection) = listener.accept().await {
            if let Err(error) = self.accept(connection) {
                tracing::info!(%error, "a connection was turned away");
            }
        }
    }

    /// The store below it.
    pub fn store(&self) -> &Arc<EventStore> {
        &self.core.store
    }

    /// The number of open sessions.
    pub fn sessions(&self) -> usize {
        let mut sessions = self.core.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        while sessions.try_join_next().is_some() {}
        sessions.len()
    }

    /// Ends the sessions, each once what it received is committed, takes no more, and releases the
    /// store.
    ///
    /// # Errors
    /// When the store could not be closed; everything acknowledged is safe all the same.
    pub async fn close(&self) -> Result<(), Error> {
        self.end_sessions().await;
        self.release().await
    }

    async fn release(&self) -> Result<(), Error> {
        let lease = self.core.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        match lease {
            Some(lease) => Ok(lease.release().await?),
            None => Err(Error::new("close the hub", ErrorKind::Closed)),
        }
    }

    /// Ends the sessions and takes no more.
    async fn end_sessions(&self) {
        self.core.stop.send_replace(true);
        let mut sessions = {
            let mut sessions = self.core.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *sessions)
        };
        let ended = async { while sessions.join_next().await.is_some() {} };
        if platform::within(END_WITHIN, ended).await.is_none() {
            tracing::warn!("sessions did not end in time and were cut off");
        }
    }
}

impl Acceptor for Hub {
    fn accept(&self, connection: Connection) -> Result<(), TransportError> {
        let busy = || TransportError::new("take a connection", TransportErrorKind::Busy);
        if *self.core.stop.borrow() {
            return Err(busy());
        }
        let place = Arc::clone(&self.core.places).try_acquire_owned().map_err(|_| busy())?;
        let core = Arc::clone(&self.core);
        let mut sessions = self.core.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        while sessions.try_join_next().is_some() {}
        sessions.spawn(async move {
            core.serve(connection).await;
            drop(place);
        });
        Ok(())
    }
}

impl Core {
    async fn serve(&self, connection: Connection) {
        let config = match self.config() {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(%error, "a session could not be begun");
                return;
            }
        };
        let driver = Driver {
            store: Arc::clone(&self.store),
            gate: Arc::clone(&self.gate),
            clock: self.clock.clone(),
            peer: connection.peer.to_string(),
            progress: watch::Sender::new(Progress::default()),
            stop: self.stop.subscribe(),
        };
        let Driven { progress, result } = driver.run(config, connection).await;
        match result {
            Ok(()) => tracing::debug!(?progress, "a session ended"),
            Err(error) => tracing::info!(?progress, %error, "a session failed"),
        }
    }

    fn config(&self) -> Result<Config, Error> {
        let nonce = platform::random();
        let nonce = nonce.map_err(|error| Error::randomness("begin a session", error))?;
        Ok(Config {
            role: Role::Acceptor,
            key: self.store.key(),
            wall: self.clock.now(),
            nonce,
            until: Until::Stopped,
            sends: true,
            receives: true,
            fingerprint: None,
        })
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("store", &self.core.store).finish_non_exhaustive()
    }
}
