//! The hub: keeps and forwards what replicas write, and applies nothing.
//!
//! A hub takes from each replica whatever it lacks and gives it everybody's events. It knows no
//! event types and keeps no states, so it needs no upgrade when they change.
//!
//! An [`Authorizer`] says who may come in, to which space, and in which direction
//! ([`HubBuilder::authorizer`]). Without one everybody may who reaches the hub and proves its
//! replica's key; on a port it then takes connections from this machine only, as it does without a
//! certificate ([`HubBuilder::tls`]). Within that, a replica
//! can write under no other name than its own: it may relay others' events, which their authors have
//! signed.
//!
//! In a space whose name says so it also [rules](crate::ruling): see [`HubBuilder::authority`].

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::budget::Budget;
use crate::driver::{Doorkeeper, Driven, Driver};
use crate::error::Error;
use crate::filter::Predicates;
use crate::gate::{Gate, Policy};
use crate::lease::OpenedBy;
use crate::log::Merges;
use crate::metrics::SessionsMeter;
use crate::platform::{self, Tasks, WallClock};
use crate::ruling::Governor;
use crate::store::EventStore;
use crate::sync::{Config, Direction, Progress, Role, Until};
use crate::traces::Traces;
use crate::transport::{Acceptor, ChannelListener, Connection, TransportError, TransportErrorKind};

mod authorizer;
mod builder;
mod door;
mod enrolment;
#[cfg(feature = "jwt")]
mod jwt;
mod measure;
mod mend;
mod quotas;
#[cfg(feature = "grpc")]
mod server;
mod service;
mod sync;
mod tokens;

use self::door::Door;
use self::enrolment::Roll;
use self::mend::{MendHook, Mending};
use self::quotas::Limiter;
use self::service::Service;

pub use crate::gate::Proposal;
pub use crate::metrics::{EndedSession, OpenSession};
pub use crate::ruling::{Authority, Rejection};
pub use crate::store::{EnrolledReplica, Enrolment};
pub use authorizer::{Access, AccessRequest, AllowAll, Authorizer, Rights};
pub use builder::HubBuilder;
pub use enrolment::REPLICAS_MAX;
#[cfg(feature = "jwt")]
pub use jwt::{JWT_KEYS_MAX, JwtKeys, JwtKeysError, JwtTokens};
pub use quotas::Quotas;
#[cfg(feature = "grpc")]
pub use server::RunningHub;
pub use tokens::{NewToken, TOKENS_MAX, TokenEntry, TokenList, TokenListError, Tokens};

/// Sessions that a hub serves at the same time unless told otherwise.
pub const HUB_SESSIONS_MAX: usize = 1_024;
/// Closing a hub waits this long for its sessions to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A hub over a store. Cloning gives another handle to the same hub.
#[derive(Clone)]
pub struct Hub {
    core: Arc<Served>,
}

struct Served {
    service: Mutex<Arc<Service>>,
    mending: Mending,
    governor: Option<Governor>,
    policy: Option<Policy>,
    authorizer: Option<Arc<dyn Authorizer>>,
    predicates: Predicates,
    merges: Merges,
    limiter: Option<Arc<Limiter>>,
    #[cfg(feature = "grpc")]
    listening: server::Listening,
    /// Counts the calls of [`Hub::recheck`].
    recheck: watch::Sender<u64>,
    /// Counts what may end sessions: retired replicas, and policies that became known.
    changes: Arc<watch::Sender<u64>>,
    /// `None` where nobody is written down.
    roll: Option<Arc<Roll>>,
    traces: Traces,
    clock: WallClock,
    places: Arc<Semaphore>,
    budget: Budget,
    meter: Arc<SessionsMeter>,
    closed: AtomicBool,
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

    /// The store below it. A hub that mends its file goes on with another one.
    pub fn store(&self) -> Arc<EventStore> {
        Arc::clone(&self.core.service().store)
    }

    /// Asks the authorizer again about every open session, now: call it when a token was withdrawn.
    pub fn recheck(&self) {
        self.core.recheck.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The access that a peer is given to a space under the hub's own name: to look at it.
    #[cfg(feature = "page")]
    pub(crate) async fn access(
        &self,
        peer: &crate::transport::PeerInfo,
        space: &crate::id::SpaceId,
    ) -> Result<Access, crate::sync::Denial> {
        let (peer, replica) = (peer.clone(), self.store().key().id());
        let request = AccessRequest { peer, replica, space: space.clone(), filter: None };
        let asks = (self.core.authorizer.as_ref(), &self.core.predicates);
        door::ask(asks, &self.core.clock, &request).await
    }

    /// True if an authorizer says who may come in.
    #[cfg(feature = "page")]
    pub(crate) fn is_guarded(&self) -> bool {
        self.core.authorizer.is_some()
    }

    /// The certificates that it shows.
    #[cfg(feature = "page")]
    pub(crate) fn tls(&self) -> Option<&crate::transport::tls::ServerTls> {
        self.core.listening.tls.as_ref()
    }

    /// Counts the calls of [`Hub::recheck`].
    #[cfg(feature = "page")]
    pub(crate) fn rechecks(&self) -> watch::Receiver<u64> {
        self.core.recheck.subscribe()
    }

    /// The source of the time of day.
    #[cfg(feature = "page")]
    pub(crate) fn clock(&self) -> &WallClock {
        &self.core.clock
    }

    /// The number of open sessions.
    pub fn sessions(&self) -> usize {
        self.core.service().sessions()
    }

    /// Waits until the store turns out to be damaged in a way that the hub cannot mend, and says so;
    /// otherwise without end. Whoever runs a hub waits for this beside whatever ends it, and lets a
    /// person know.
    ///
    /// A hub mends a file that it opened itself: see [`HubBuilder::salvage`]. Over a store that was
    /// handed to it ([`HubBuilder::over`]) it goes on with all spaces and events that are not
    /// damaged.
    pub async fn failed(&self) -> Error {
        self.core.mending.failed().await
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
        // A store that is being mended is released when it is back.
        let _mended = self.core.mending.settled().await;
        self.core.service().release().await
    }

    /// Ends the sessions and takes no more.
    async fn end_sessions(&self) {
        self.core.closed.store(true, Ordering::Release);
        self.core.service().end_sessions().await;
    }
}

impl Acceptor for Hub {
    fn accept(&self, connection: Connection) -> Result<(), TransportError> {
        let busy = || {
            self.core.meter.refused(TransportErrorKind::Busy.code());
            TransportError::new("take a connection", TransportErrorKind::Busy)
        };
        let service = self.core.service();
        if self.core.is_closed() || service.is_stopped() {
            return Err(busy());
        }
        let place = Arc::clone(&self.core.places).try_acquire_owned().map_err(|_| busy())?;
        let (core, serving) = (Arc::clone(&self.core), Arc::clone(&service));
        service.spawn(async move {
            core.serve(serving, connection).await;
            drop(place);
        });
        Ok(())
    }
}

impl Served {
    fn service(&self) -> Arc<Service> {
        Arc::clone(&self.service.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Serves another store, which a builder opened, from here on.
    async fn go_on_with(&self, store: Arc<EventStore>) {
        let (clock, governor) = (self.clock.clone(), self.governor.clone());
        let gate = Gate::governed(Arc::clone(&store), clock, governor, self.policy.clone());
        let gate = gate.metered(Arc::clone(&self.meter));
        let service = Service::new(store, gate, OpenedBy::Builder);
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&service);
        if self.is_closed() {
            service.end_sessions().await;
        }
    }

    async fn serve(self: Arc<Self>, service: Arc<Service>, connection: Connection) {
        let config = match self.config(&service) {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(%error, "a session could not be begun");
                return;
            }
        };
        let doorkeeper: Arc<dyn Doorkeeper> = self.door(&service, &connection);
        let peer = connection.peer.to_string();
        let driver = Driver { door: Some(doorkeeper), ..self.driver(&service, peer) };
        let Driven { progress, result } = driver.accept(config, connection).await;
        match result {
            Ok(()) => tracing::debug!(?progress, "a session ended"),
            Err(error) => {
                tracing::info!(?progress, %error, "a session failed");
                // Not here: mending waits until the sessions have ended.
                MendHook { core: self, service }.found(error);
            }
        }
    }

    fn driver(&self, service: &Service, peer: String) -> Driver {
        Driver {
            store: Arc::clone(&service.store),
            gate: Arc::clone(&service.gate),
            door: None,
            passes_on: true,
            follower: None,
            budget: self.budget.clone(),
            clock: self.clock.clone(),
            peer,
            mends: self.mending.is_possible(),
            meter: Arc::clone(&self.meter),
            traces: self.traces.clone(),
            progress: watch::Sender::new(Progress::default()),
            stop: service.stop(),
        }
    }

    fn door(self: &Arc<Self>, service: &Arc<Service>, connection: &Connection) -> Arc<Door> {
        Arc::new(Door {
            authorizer: self.authorizer.clone(),
            predicates: self.predicates.clone(),
            limiter: self.limiter.clone(),
            store: Arc::clone(&service.store),
            peer: connection.peer.clone(),
            clock: self.clock.clone(),
            recheck: self.recheck.subscribe(),
            changes: self.changes.clone(),
            changed: self.changes.subscribe(),
            roll: self.roll.clone(),
            mend: MendHook { core: Arc::clone(self), service: Arc::clone(service) },
            meter: Arc::clone(&self.meter),
            given: Mutex::default(),
            place: Mutex::default(),
            roll_place: Mutex::default(),
            noting: Mutex::new(Tasks::new()),
            has_proved: AtomicBool::new(false),
        })
    }

    fn config(&self, service: &Service) -> Result<Config, Error> {
        let nonce = platform::random();
        let nonce = nonce.map_err(|error| Error::randomness("begin a session", error))?;
        Ok(Config {
            role: Role::Acceptor,
            key: service.store.key(),
            wall: self.clock.now(),
            nonce,
            until: Until::Stopped,
            direction: Direction::Both,
            has_door: true,
            fingerprint: None,
            types: None,
            policy: None,
            filter: None,
            predicates: self.predicates.clone(),
            commit_events_max: usize::MAX,
            merges: self.merges.clone(),
        })
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("store", &self.core.service().store).finish_non_exhaustive()
    }
}
