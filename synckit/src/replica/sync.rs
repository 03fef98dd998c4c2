//! Syncing with a peer once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Replica;
use super::options::SyncOptions;
use crate::driver::{Driven, Driver, stopped};
use crate::error::{Error, ErrorKind};
use crate::gate::Gate;
use crate::platform::{self, Stopwatch};
use crate::sync::frame::GoodbyeCode;
use crate::sync::{Config, Direction, Progress, Role, SessionError, Until};
use crate::transport::{IntoTransport, Transport};

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
    /// replica.sync_once_with("http://hub.example:7700", ten_seconds).await?;
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
        let sync = self.sync_with(transport.as_ref(), options.direction);
        let Some(limit) = options.within else { return sync.await };
        let in_time = platform::within(limit, sync).await;
        in_time.unwrap_or_else(|| {
            let attempted = format!("sync with {}", transport.address());
            Err(Error::new(attempted, ErrorKind::DeadlinePassed { limit }))
        })
    }

    async fn sync_with(
        &self,
        transport: &dyn Transport,
        direction: Direction,
    ) -> Result<SyncReport, Error> {
        let begun = Stopwatch::start();
        let active = self.peers.enter(transport.address())?;
        let progress = watch::Sender::new(Progress::default());
        let plan = (direction, Until::CaughtUp);
        let driven = self.session(transport, plan, progress, active.stop.subscribe()).await?;
        self.report(transport, begun, driven).await
    }

    /// What came of a session that was to end when both sides were caught up. Returns once all of it
    /// is folded.
    pub(super) async fn report(
        &self,
        transport: &dyn Transport,
        begun: Stopwatch,
        Driven { progress, result }: Driven,
    ) -> Result<SyncReport, Error> {
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

    /// One session with a peer. The outer error means that there was none.
    pub(super) async fn session(
        &self,
        transport: &dyn Transport,
        (direction, until): (Direction, Until),
        progress: watch::Sender<Progress>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Driven, Error> {
        let connection = tokio::select! {
            connection = transport.connect() => connection?,
            () = stopped(&mut stop) => {
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
            direction,
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

fn nonce() -> Result<[u8; 32], Error> {
    platform::random().map_err(|error| Error::randomness("begin a session", error))
}
