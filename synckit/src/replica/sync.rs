//! Syncing with a peer once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::events::{Announcer, ReplicaEvent, Vitals};
use super::options::SyncOptions;
use super::pace::telling;
use super::{Replica, Running};
use crate::clock::UnixMillis;
use crate::driver::{Driven, Driver, Follower};
use crate::error::{Error, ErrorKind};
use crate::gate::Gate;
use crate::id::Position;
use crate::log::Merges;
use crate::platform::{self, Stopwatch};
use crate::replica_core::Input;
use crate::sync::frame::GoodbyeCode;
use crate::sync::{Config, Direction, Progress, Role, SessionError, Until};
use crate::transport::{IntoTransport, Transport};

/// The result of one sync.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct SyncReport {
    /// Events sent; of a sync that succeeded, acknowledged: durable at the peer.
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
    /// Open conflicts of the replica after it, wherever they came from.
    pub conflicts: u64,
    /// Events that the replica has parked, by then.
    pub parked: u64,
    /// Commits that hubs have refused, as far as the replica knows after it.
    pub refused: u64,
}

/// Trouble that ended a session, or kept it from beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SyncTrouble {
    /// The error with its causes: what went wrong, and what to do.
    pub error: String,
    /// The error's [code](crate::docs::errors).
    pub code: &'static str,
    /// True when trying again may succeed without anyone doing anything.
    pub is_retryable: bool,
    /// This machine's clock when it happened: compare it with the times that the error names when
    /// clocks are the matter.
    pub at: UnixMillis,
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
        self.sync_once_with(peer, SyncOptions::new()).await
    }

    /// Syncs once in one direction, or by a deadline. Where only one direction is asked for, the sync
    /// is done when that is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use synckit::replica::SyncOptions;
    /// use synckit::sync::Direction;
    ///
    /// # async fn send_before_sleep(replica: synckit::Replica) -> Result<(), synckit::Error> {
    /// let ten_seconds = SyncOptions::new().direction(Direction::Push).within(Duration::from_secs(10));
    /// replica.sync_once_with("https://hub.example:7700", ten_seconds).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Replica::sync_once`], and [`ErrorKind::DeadlinePassed`]: what each side has
    /// acknowledged by then is kept, and the next sync goes on from there.
    pub async fn sync_once_with(
        &self,
        peer: impl IntoTransport,
        options: SyncOptions,
    ) -> Result<SyncReport, Error> {
        self.check_open("sync")?;
        let transport = self.peers.used_before(peer.into_transport()?);
        let sync = self.sync_with(transport.as_ref(), &options);
        let Some(limit) = options.within else { return sync.await };
        let in_time = platform::within(limit, sync).await;
        in_time.unwrap_or_else(|| {
            let attempted = format!("sync with {}", transport.address());
            let error = Error::new(attempted, ErrorKind::DeadlinePassed { limit });
            self.tell_end(transport.address(), SyncReport::default(), Some(&error));
            Err(error)
        })
    }

    fn tell_end(&self, address: &str, report: SyncReport, error: Option<&Error>) {
        let trouble = error.map(|error| SyncTrouble::of(error, self.running.clock.now()));
        let address = address.to_owned();
        let ended = ReplicaEvent::SessionEnded { address, report, trouble };
        self.running.announcer.tell(ended);
    }

    async fn sync_with(
        &self,
        transport: &dyn Transport,
        options: &SyncOptions,
    ) -> Result<SyncReport, Error> {
        let active = self.peers.enter(transport.address())?;
        let progress = watch::Sender::new(Progress::default());
        let (plan, steps) = ((options.direction, Until::CaughtUp), progress.subscribe());
        let session = self.session(transport, plan, progress, active.stop.subscribe());
        telling(options.listener.as_ref(), steps, session).await
    }

    /// One session with a peer, from opening the connection until what it brought is folded. Tells
    /// whoever listens how it went.
    pub(super) async fn session(
        &self,
        transport: &dyn Transport,
        plan: (Direction, Until),
        progress: watch::Sender<Progress>,
        stop: watch::Receiver<bool>,
    ) -> Result<SyncReport, Error> {
        let begun = Stopwatch::start();
        let (announcer, address) = (&self.running.announcer, transport.address().to_owned());
        let mut milestones =
            Milestones { announcer, address: &address, connected: false, caught_up: false };
        let steps = progress.subscribe();
        let driven = tokio::select! {
            biased;
            driven = self.drive(transport, plan, progress, stop) => driven,
            never = milestones.watch(steps) => match never {},
        };
        let (progress, ended) = match driven {
            Ok(Driven { progress, result }) => (progress, result),
            Err(error) => (Progress::default(), Err(error)),
        };
        milestones.note(&progress);
        let left = plan.1 == Until::CaughtUp && !progress.caught_up;
        let mut ended = match ended {
            Ok(()) if left => Err(left_early(&address)),
            ended => ended,
        };
        if progress.peer.is_some() {
            if let Err(error) = self.store().write_acks(self.space()).await {
                // They are for people to read; the next session writes them.
                tracing::warn!(%error, "acknowledgements of a peer could not be written");
            }
            ended = ended.and(self.catch_up().await);
        }
        let report = SyncReport::of(&progress, begun.elapsed());
        let report = Vitals::of(&self.running.core()).complete(report);
        self.tell_end(&address, report, ended.as_ref().err());
        ended.map(|()| report)
    }

    async fn drive(
        &self,
        transport: &dyn Transport,
        (direction, until): (Direction, Until),
        progress: watch::Sender<Progress>,
        stop: watch::Receiver<bool>,
    ) -> Result<Driven, Error> {
        let store = Arc::clone(&self.running.store);
        let config = Config {
            role: Role::Initiator(self.running.space.clone()),
            key: store.key(),
            wall: self.running.clock.now(),
            nonce: nonce()?,
            until,
            direction,
            has_door: false,
            fingerprint: Some(self.registry.fingerprint()),
            types: self.types.clone(),
            policy: self.policy.clone(),
            filter: self.filter.as_deref().cloned(),
            predicates: self.predicates.clone(),
            commit_events_max: usize::MAX,
            merges: Merges::new(),
        };
        let driver = Driver {
            gate: Arc::new(Gate::open(Arc::clone(&store))),
            store,
            follower: Some(Arc::new(Folding { running: Arc::clone(&self.running) })),
            door: None,
            passes_on: false,
            budget: self.running.budget.clone(),
            clock: self.running.clock.clone(),
            peer: transport.address().to_owned(),
            mends: false,
            meter: Arc::clone(&self.running.meter),
            traces: self.running.traces.clone(),
            progress,
            stop,
        };
        driver.open(config, transport).await
    }
}

/// Events, roughly, that a session commits at once while somebody edits: an edit becomes durable behind
/// them, and is folded behind those of the commit before.
const COMMIT_EVENTS_BESIDE_EDITS: usize = 1_024;
/// Somebody edits who has done so within this time.
const EDITS_WITHIN: Duration = Duration::from_secs(10);
/// Events, roughly, that are committed and not folded while nobody edits: the first edit waits for
/// them.
const UNFOLDED_EVENTS_MAX: u64 = 65_536;

/// A replica that folds what sessions commit.
#[derive(Debug)]
struct Folding {
    running: Arc<Running>,
}

impl Folding {
    fn is_edited(&self) -> bool {
        self.running.since_edit().is_some_and(|since| since < EDITS_WITHIN)
    }
}

#[async_trait]
impl Follower for Folding {
    fn commit_events_max(&self) -> usize {
        if self.is_edited() { COMMIT_EVENTS_BESIDE_EDITS } else { usize::MAX }
    }

    async fn follows(&self, position: Position) {
        let behind = if self.is_edited() { 0 } else { UNFOLDED_EVENTS_MAX };
        let position = Position(position.0.saturating_sub(behind));
        if position == Position::START {
            return;
        }
        // Where the log cannot be folded, it is held all the same.
        let fold = |ticket| Input::CatchUp(ticket, position);
        let _ = self.running.ask("fold what a peer sent", fold).await;
    }
}

/// The milestones of a session under way, each told once.
struct Milestones<'a> {
    announcer: &'a Announcer,
    address: &'a str,
    connected: bool,
    caught_up: bool,
}

impl Milestones<'_> {
    /// Tells each as it is reached.
    async fn watch(&mut self, mut steps: watch::Receiver<Progress>) -> Infallible {
        while steps.changed().await.is_ok() {
            let progress = *steps.borrow_and_update();
            self.note(&progress);
        }
        std::future::pending().await
    }

    fn note(&mut self, progress: &Progress) {
        let (Some(peer), address) = (progress.peer, self.address) else { return };
        if !std::mem::replace(&mut self.connected, true) {
            let address = address.to_owned();
            self.announcer.tell(ReplicaEvent::Connected { address, peer });
        }
        if progress.caught_up && !std::mem::replace(&mut self.caught_up, true) {
            let address = address.to_owned();
            self.announcer.tell(ReplicaEvent::CaughtUp { address, peer });
        }
    }
}

/// The error of a session that its peer ended although it was not caught up.
pub(crate) fn left_early(address: &str) -> Error {
    let message = "it left before both sides were caught up".to_owned();
    Error::session(address, SessionError::PeerEnded { code: GoodbyeCode::Done, message })
}

impl SyncReport {
    pub(crate) fn of(progress: &Progress, took: Duration) -> Self {
        Self {
            pushed: progress.events_sent,
            pulled: progress.events_received,
            bytes_pushed: progress.bytes_sent,
            bytes_pulled: progress.bytes_received,
            took,
            peer_clock_ahead_ms: progress.peer_clock_ahead_ms.unwrap_or_default(),
            ..Self::default()
        }
    }
}

impl SyncTrouble {
    pub(super) fn of(error: &Error, at: UnixMillis) -> Self {
        let (code, is_retryable) = (error.code(), error.is_retryable());
        Self { error: format!("{error:#}"), code, is_retryable, at }
    }
}

fn nonce() -> Result<[u8; 32], Error> {
    platform::random().map_err(|error| Error::randomness("begin a session", error))
}
