//! Syncing with a peer: once, or for as long as the link lives.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Replica;
use crate::clock::UnixMillis;
use crate::driver::{Driven, Driver};
use crate::error::{Error, ErrorKind};
use crate::gate::Gate;
use crate::platform::{self, Stopwatch};
use crate::sync::frame::GoodbyeCode;
use crate::sync::{Backoff, Config, Progress, Role, SessionError, Until};
use crate::transport::{IntoTransport, Transport};

/// Closing a replica waits this long for its syncs to end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Most transports that are kept for the next sync with their peers.
const TRANSPORTS_MAX: usize = 8;

/// The result of one sync.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct SyncReport {
    /// Events sent and acknowledged: durable at the peer.
    pub pushed: u64,
    /// Events received that were new here: durable, and folded.
    pub pulled: u64,
    /// Bytes of events sent.
    pub bytes_pushed: u64,
    /// Bytes of events received.
    pub bytes_pulled: u64,
    /// From before the connection was opened until everything was folded.
    pub took: Duration,
    /// Milliseconds by which the peer's wall clock is ahead of this machine's; negative if behind.
    pub peer_clock_ahead_ms: i64,
}

/// The state of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LinkState {
    /// Opening a connection.
    Connecting,
    /// Exchanging what each side lacks.
    CatchingUp,
    /// Caught up: what happens on either side is exchanged at once.
    Live,
    /// Waiting before the next attempt, after so many failures in a row.
    Waiting {
        /// Failures in a row.
        failures: u32,
        /// The length of the pause.
        pause: Duration,
    },
    /// Ended by the application.
    Ended,
}

/// The status of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LinkStatus {
    /// Its state.
    pub state: LinkState,
    /// The progress of the session under way, or of the last one.
    pub progress: Progress,
    /// Sessions begun so far.
    pub sessions: u64,
    /// The trouble that keeps it from being live; `None` once it is live again.
    pub trouble: Option<LinkTrouble>,
}

/// Trouble that keeps a link from being live. The link goes on trying.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LinkTrouble {
    /// The last error with its causes: what went wrong, and what to do.
    pub error: String,
    /// True when trying again may succeed without anyone doing anything. The link tries either way.
    pub is_retryable: bool,
    /// When the link was last live, or when it was made if it never was, by this machine's clock.
    pub since: UnixMillis,
    /// This machine's clock when `error` happened: compare it with the times that the error names
    /// when clocks are the matter.
    pub at: UnixMillis,
}

/// A link that keeps a replica in sync with a peer. Dropping it ends it.
#[derive(Debug)]
pub struct Link {
    status: watch::Receiver<LinkStatus>,
    stop: Arc<watch::Sender<bool>>,
    task: platform::Task<()>,
}

/// The peers that a replica is syncing with, by address: one sync at a time with each.
#[derive(Clone, Debug)]
pub(super) struct Peers(Arc<watch::Sender<ActiveSyncs>>, Arc<Mutex<Transports>>);

/// Transports that were used, the last one last: they may keep something open.
type Transports = VecDeque<Arc<dyn Transport>>;
type ActiveSyncs = BTreeMap<String, Arc<watch::Sender<bool>>>;

/// The sync with one peer; another may begin when it is dropped.
#[derive(Debug)]
struct ActiveSync {
    peers: Peers,
    address: String,
    stop: Arc<watch::Sender<bool>>,
}

impl Replica {
    /// Syncs with a peer until each side holds what the other held when the sync began.
    ///
    /// When this returns, what was sent is durable at the peer, and what was received is durable
    /// here and folded. Cancelling it leaves both sides sound; the next sync goes on where this
    /// one was.
    ///
    /// # Errors
    /// [`ErrorKind::Transport`] when the peer cannot be reached, [`ErrorKind::Session`] when the
    /// session fails, [`ErrorKind::Store`] when the local store does, [`ErrorKind::Busy`] while
    /// another sync with this address is under way. [`Error::is_retryable`] tells whether
    /// trying again may help.
    pub async fn sync_once(&self, peer: impl IntoTransport) -> Result<SyncReport, Error> {
        self.check_open("sync")?;
        let begun = Stopwatch::start();
        let transport = self.peers.used_before(peer.into_transport()?);
        let active = self.peers.enter(transport.address())?;
        let progress = watch::Sender::new(Progress::default());
        let Driven { progress, result } =
            self.session(transport.as_ref(), Until::CaughtUp, progress, &active).await?;
        result?;
        if !progress.caught_up {
            let message = "it left before both sides were caught up".to_owned();
            let error = SessionError::PeerEnded { code: GoodbyeCode::Done, message };
            return Err(Error::session(transport.address(), error));
        }
        self.catch_up().await?;
        Ok(SyncReport {
            pushed: progress.events_sent,
            pulled: progress.events_received,
            bytes_pushed: progress.bytes_sent,
            bytes_pulled: progress.bytes_received,
            took: begun.elapsed(),
            peer_clock_ahead_ms: progress.peer_clock_ahead_ms.unwrap_or_default(),
        })
    }

    /// Keeps in sync with a peer: begins at once, stays live, and connects again with back-off
    /// whatever ended the session. Works until the link is dropped or ended, or the replica is
    /// closed; [`Link::status`] tells what is wrong meanwhile, since when, and what to do.
    ///
    /// # Errors
    /// When the address is malformed, [`ErrorKind::Busy`] while another sync with it is under way,
    /// or [`ErrorKind::Closed`].
    pub fn connect(&self, peer: impl IntoTransport) -> Result<Link, Error> {
        self.check_open("sync")?;
        let transport = peer.into_transport()?;
        let active = self.peers.enter(transport.address())?;
        let stop = Arc::clone(&active.stop);
        let (updates, status) = watch::channel(LinkStatus {
            state: LinkState::Connecting,
            progress: Progress::default(),
            sessions: 0,
            trouble: None,
        });
        let replica = self.clone();
        let task =
            platform::spawn(async move { replica.keep_in_sync(transport, active, updates).await });
        Ok(Link { status, stop, task })
    }

    async fn keep_in_sync(
        self,
        transport: Arc<dyn Transport>,
        active: ActiveSync,
        updates: watch::Sender<LinkStatus>,
    ) {
        let mut backoff = Backoff::default();
        let mut stopped = active.stop.subscribe();
        let mut since = self.running.clock.now();
        while !*active.stop.borrow() {
            updates.send_modify(|status| {
                status.state = LinkState::Connecting;
                status.sessions += 1;
            });
            let outcome =
                self.live_session(transport.as_ref(), &active, &updates, &mut backoff).await;
            if *active.stop.borrow() {
                break;
            }
            let at = self.running.clock.now();
            if updates.borrow().state == LinkState::Live {
                since = at;
            }
            // A peer that ends a session in good order is tried again like one that was lost.
            let pause = backoff.failed(random());
            let failures = backoff.failures();
            updates.send_modify(|status| {
                status.state = LinkState::Waiting { failures, pause };
                if let Err(error) = outcome {
                    let is_retryable = error.is_retryable();
                    let error = format!("{error:#}");
                    status.trouble = Some(LinkTrouble { error, is_retryable, since, at });
                }
            });
            tokio::select! {
                () = platform::sleep(pause) => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        }
        updates.send_modify(|status| status.state = LinkState::Ended);
    }

    async fn live_session(
        &self,
        transport: &dyn Transport,
        active: &ActiveSync,
        updates: &watch::Sender<LinkStatus>,
        backoff: &mut Backoff,
    ) -> Result<(), Error> {
        let progress = watch::Sender::new(Progress::default());
        let mut steps = progress.subscribe();
        let session = self.session(transport, Until::Stopped, progress, active);
        tokio::pin!(session);
        loop {
            tokio::select! {
                driven = &mut session => return driven?.result,
                Ok(()) = steps.changed() => {
                    let progress = *steps.borrow_and_update();
                    if progress.caught_up {
                        backoff.succeeded();
                    }
                    updates.send_modify(|status| status.advance(progress));
                }
            }
        }
    }

    /// One session with a peer. The outer error means that there was none.
    async fn session(
        &self,
        transport: &dyn Transport,
        until: Until,
        progress: watch::Sender<Progress>,
        active: &ActiveSync,
    ) -> Result<Driven, Error> {
        let mut stop = active.stop.subscribe();
        let connection = tokio::select! {
            connection = transport.connect() => connection?,
            _ = stop.wait_for(|stop| *stop) => {
                let attempted = format!("connect to {}", transport.address());
                return Err(Error::new(attempted, ErrorKind::Closed));
            }
        };
        let store = Arc::clone(&self.running.store);
        let config = Config {
            role: Role::Initiator(self.running.space.clone()),
            key: store.key(),
            wall: self.running.clock.now(),
            nonce: nonce()?,
            until,
            sends: true,
            receives: true,
            fingerprint: Some(self.registry.fingerprint()),
        };
        let driver = Driver {
            gate: Arc::new(Gate::open(Arc::clone(&store))),
            store,
            budget: self.running.budget.clone(),
            clock: self.running.clock.clone(),
            peer: transport.address().to_owned(),
            mends: false,
            progress,
            stop,
        };
        Ok(driver.run(config, connection).await)
    }
}

impl Link {
    /// The link's status.
    pub fn status(&self) -> LinkStatus {
        self.status.borrow().clone()
    }

    /// Waits until the status is one that `wanted` accepts, and returns it. Returns the last status
    /// when the link ends before that. Cancellation-safe.
    pub async fn wait_for(&mut self, mut wanted: impl FnMut(&LinkStatus) -> bool) -> LinkStatus {
        // An error says that the link has ended: the last status tells how.
        let _ = self.status.wait_for(|status| wanted(status)).await;
        self.status.borrow().clone()
    }

    /// Ends the link once what was received is committed.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] when the runtime has ended it before.
    pub async fn end(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        (&mut self.task).await.map_err(|_| Error::new("end a link", ErrorKind::Closed))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl LinkStatus {
    fn advance(&mut self, progress: Progress) {
        self.progress = progress;
        self.state = if progress.caught_up {
            self.trouble = None;
            LinkState::Live
        } else {
            LinkState::CatchingUp
        };
    }
}

impl Default for Peers {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(ActiveSyncs::new())), Arc::default())
    }
}

impl Peers {
    fn enter(&self, address: &str) -> Result<ActiveSync, Error> {
        let stop = Arc::new(watch::Sender::new(false));
        let entered = self.0.send_if_modified(|active| match active.entry(address.to_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Arc::clone(&stop));
                true
            }
            Entry::Occupied(_) => false,
        });
        if !entered {
            return Err(Error::new(format!("sync with {address}"), ErrorKind::Busy));
        }
        Ok(ActiveSync { peers: self.clone(), address: address.to_owned(), stop })
    }

    /// The transport that was used before in place of this one, if there is one.
    fn used_before(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        let mut used = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let place = used.iter().position(|before| before.stands_for(&*transport));
        let before = place.and_then(|place| used.remove(place)).unwrap_or(transport);
        if before.stands_for(&*before) {
            if used.len() == TRANSPORTS_MAX {
                used.pop_front();
            }
            used.push_back(Arc::clone(&before));
        }
        before
    }

    /// Ends all syncs and waits until they have ended, but not without end: a sync that nobody polls
    /// cannot end.
    pub(super) async fn end_all(&self) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for stop in self.0.borrow().values() {
            stop.send_replace(true);
        }
        let mut active = self.0.subscribe();
        let ended = active.wait_for(ActiveSyncs::is_empty);
        let _ = platform::within(END_WITHIN, ended).await;
    }
}

impl Drop for ActiveSync {
    fn drop(&mut self) {
        self.peers.0.send_modify(|active| {
            active.remove(&self.address);
        });
    }
}

fn nonce() -> Result<[u8; 32], Error> {
    platform::random().map_err(|error| Error::randomness("begin a session", error))
}

/// Random enough to keep replicas from waiting in step.
fn random() -> u64 {
    platform::random().map_or(0, u64::from_le_bytes)
}
