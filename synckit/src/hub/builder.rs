//! Saying what a hub is to be, and serving it.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, watch};

use super::authorizer::Authorizer;
use super::enrolment::Roll;
use super::mend::{Mending, Reopen};
use super::quotas::{Limiter, Quotas};
use super::service::Service;
use super::{Authority, HUB_SESSIONS_MAX, Hub, Proposal, Rejection, Served};
use crate::budget::Budget;
use crate::error::Error;
use crate::filter::Predicates;
use crate::gate::{Gate, Policy};
use crate::lease::OpenedBy;
use crate::log::Merges;
use crate::metrics::SessionsMeter;
use crate::platform::WallClock;
use crate::ruling::Governor;
use crate::store::EventStore;
use crate::sync::limits::UNCOMMITTED_BYTES_MAX;
use crate::traces::{TraceContext, Traces};

/// Says what a hub is to be.
#[derive(Clone)]
pub struct HubBuilder {
    clock: WallClock,
    sessions_max: usize,
    uncommitted_bytes_max: usize,
    authority: Option<Authority>,
    policy: Option<Policy>,
    authorizer: Option<Arc<dyn Authorizer>>,
    predicates: Predicates,
    quotas: Quotas,
    traces: Traces,
    salvage: bool,
    is_unlisted: bool,
    #[cfg(feature = "grpc")]
    pub(super) listening: super::server::Listening,
}

impl Default for HubBuilder {
    fn default() -> Self {
        Self {
            clock: WallClock::default(),
            sessions_max: HUB_SESSIONS_MAX,
            uncommitted_bytes_max: UNCOMMITTED_BYTES_MAX,
            authority: None,
            policy: None,
            authorizer: None,
            predicates: Predicates::new(),
            quotas: Quotas::default(),
            traces: Traces::default(),
            salvage: true,
            is_unlisted: false,
            #[cfg(feature = "grpc")]
            listening: super::server::Listening::default(),
        }
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder")
            .field("clock", &self.clock)
            .field("sessions_max", &self.sessions_max)
            .field("uncommitted_bytes_max", &self.uncommitted_bytes_max)
            .field("authority", &self.authority)
            .field("policy", &self.policy.is_some())
            .field("authorizer", &self.authorizer)
            .field("predicates", &self.predicates)
            .field("quotas", &self.quotas)
            .field("traces", &self.traces)
            .field("salvage", &self.salvage)
            .finish()
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

    /// Bounds the memory, in bytes and roughly, of what sessions have received and not committed, all
    /// of them together; [`UNCOMMITTED_BYTES_MAX`] by default. A session that would pass it
    /// receives nothing until others have committed; sessions take turns.
    #[must_use]
    pub const fn uncommitted_bytes_max(mut self, bytes: usize) -> Self {
        self.uncommitted_bytes_max = bytes;
        self
    }

    /// Lets the hub rule in the spaces that an authority governs ([`Authority::space`]): events
    /// dated more than [`CLOCK_AHEAD_MAX`](crate::clock::CLOCK_AHEAD_MAX) ahead of its clock get an
    /// earlier date, and [`HubBuilder::policy`] may refuse events.
    #[must_use]
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Refuses commits that a function turns down. It is asked for each commit that arrives and is
    /// not held, and must not block. Should a batch not be committed, it is asked again when the
    /// commits are resent: let it judge by the commit alone.
    ///
    /// A refused commit has no effect at any replica; the application that wrote it is told by
    /// [`Replica::rejected`](crate::Replica::rejected). Needs an [authority](HubBuilder::authority):
    /// spaces that it does not govern are then not written to at all.
    #[must_use]
    pub fn policy(
        mut self,
        policy: impl Fn(&Proposal) -> Result<(), Rejection> + Send + Sync + 'static,
    ) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Asks an authorizer who may come in. Without one everybody may, and [`Hub::serve`] takes
    /// connections from this machine only.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// The functions that filters of replicas may ask; those that an authorizer names for a part, too. A replica
    /// whose filter asks another one is told which is missing, and not let in.
    #[must_use]
    pub fn predicates(mut self, predicates: Predicates) -> Self {
        self.predicates = predicates;
        self
    }

    /// Bounds the share of the hub that one replica, one holder of credentials and one space may use.
    #[must_use]
    pub const fn quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// Answers calls of those who operate the hub on the port of [`Hub::serve`], beside sessions and
    /// within the same limits: see [`Operations`](crate::transport::grpc::Operations).
    #[cfg(feature = "service")]
    #[must_use]
    pub fn operations(mut self) -> Self {
        use crate::transport::grpc::{Operations, SideCalls};
        self.listening.operations = Some(|hub, token| {
            Box::pin(async move {
                let read = move || hub.metrics();
                let operations = Operations::new().await.with_metrics(read, token);
                Arc::new(operations) as Arc<dyn SideCalls>
            })
        });
        self
    }

    /// Says whether a file that is found damaged, by [`open`](Self::open) or while the hub runs, is
    /// salvaged: the damaged file is kept beside it under a name that ends with `.damaged-1` (2, 3
    /// …), and a fresh one with everything that could be read takes its place. The replicas then
    /// give back what is missing. What was saved is logged, and told by
    /// [`EventStore::salvaged`] of [`Hub::store`]. On unless said otherwise.
    #[must_use]
    pub const fn salvage(mut self, salvage: bool) -> Self {
        self.salvage = salvage;
        self
    }

    /// Opens the hub over a redb file, which is created when it is not there. Commits are
    /// two-phase: they hold against peers that choose what is stored.
    ///
    /// # Errors
    /// When the file cannot be opened; each cause has a kind of its own.
    #[cfg(feature = "redb")]
    pub async fn open(self, path: impl Into<std::path::PathBuf>) -> Result<Hub, Error> {
        let (path, options) = (path.into(), crate::store::RedbOptions::hub());
        if !self.salvage {
            let store = EventStore::open_blocking(path, options).await?;
            return Ok(self.with(Arc::new(store), OpenedBy::Builder, None));
        }
        let store = EventStore::open_or_salvage(&path, options.clone()).await?;
        let reopen = move || -> super::mend::Reopened {
            let (path, options) = (path.clone(), options.clone());
            Box::pin(async move { EventStore::salvage_in_place(&path, options).await })
        };
        Ok(self.with(Arc::new(store), OpenedBy::Builder, Some(Arc::new(reopen))))
    }

    /// Opens the hub over a fresh store in memory.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn in_memory(self) -> Result<Hub, Error> {
        Ok(self.with(Arc::new(EventStore::in_memory()?), OpenedBy::Builder, None))
    }

    /// Opens the hub over a store, which it may share with replicas. Closing the hub does not close
    /// the store. Where a hub rules it writes under the store's key, so no replica of such a space
    /// may use the same store.
    pub fn over(self, store: Arc<EventStore>) -> Hub {
        self.with(store, OpenedBy::Caller, None)
    }

    /// Connects what the hub commits to the traces of the program: see [`traces`](crate::traces).
    #[must_use]
    pub fn traces(mut self, context: impl TraceContext) -> Self {
        self.traces = Traces::of(context);
        self
    }

    /// Writes nobody down and turns nobody away: for a hub that lives for one sync inside of this process.
    #[must_use]
    pub(crate) const fn unlisted(mut self) -> Self {
        self.is_unlisted = true;
        self
    }

    fn with(self, store: Arc<EventStore>, opened_by: OpenedBy, reopen: Option<Reopen>) -> Hub {
        let governor = self.authority.map(Governor::new);
        let (clock, policy) = (self.clock.clone(), self.policy.clone());
        let meter = Arc::<SessionsMeter>::default();
        let gate = Gate::governed(Arc::clone(&store), clock, governor.clone(), policy);
        let gate = gate.metered(Arc::clone(&meter));
        let core = Served {
            service: Mutex::new(Service::new(store, gate, opened_by)),
            mending: Mending::new(reopen),
            governor,
            policy: self.policy,
            authorizer: self.authorizer,
            predicates: self.predicates,
            merges: Merges::new(),
            roll: (!self.is_unlisted).then(|| Roll::new(self.quotas.replicas_per_name_max)),
            limiter: Limiter::new(self.quotas),
            #[cfg(feature = "grpc")]
            listening: self.listening,
            recheck: watch::Sender::default(),
            traces: self.traces,
            changes: Arc::default(),
            meter,
            clock: self.clock,
            budget: Budget::new(self.uncommitted_bytes_max),
            places: Arc::new(Semaphore::new(self.sessions_max)),
            closed: AtomicBool::new(false),
        };
        Hub { core: Arc::new(core) }
    }
}
