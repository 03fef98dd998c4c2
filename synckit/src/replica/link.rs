//! Links: what keeps a replica in sync with a peer for as long as it lives.

mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Replica;
use super::options::{LinkOptions, Rhythm};
use super::sync::{SyncReport, SyncTrouble};
use crate::clock::UnixMillis;
use crate::error::{Error, ErrorKind};
use crate::platform;
use crate::replica::pace::Pace;
use crate::sync::Progress;
use crate::transport::IntoTransport;
use upkeep::Upkeep;

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
    /// Not connected until the next sync is due.
    Idle {
        /// The length of the pause; `None` until [`Link::sync_now`] asks.
        pause: Option<Duration>,
    },
    /// Waiting before the next attempt, after so many failures in a row.
    Waiting {
        /// Failures in a row.
        failures: u32,
        /// The length of the pause.
        pause: Duration,
    },
    /// Not connected until [`Link::resume`].
    Paused,
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
    /// The pace of the session under way, while it catches up.
    pub pace: Option<Pace>,
    /// Sessions begun so far.
    pub sessions: u64,
    /// The last sync that was completed, of a link that does not stay connected.
    pub last: Option<SyncReport>,
    /// This machine's clock when the link was last in sync, or was made.
    pub in_sync_at: UnixMillis,
    /// The trouble that has kept it from being in sync since then; `None` once it is again. Unless it
    /// syncs on demand, the link goes on trying, also when that seems to be of no use.
    pub trouble: Option<SyncTrouble>,
    /// The calls of [`Link::sync_now`] that have been answered.
    answered: u64,
}

/// A link that keeps a replica in sync with a peer. Dropping it ends it.
#[derive(Debug)]
pub struct Link {
    status: watch::Receiver<LinkStatus>,
    wishes: watch::Sender<Wishes>,
    stop: Arc<watch::Sender<bool>>,
    task: platform::Task<()>,
}

/// The application's wishes of a link.
#[derive(Clone, Copy, Default, Debug)]
struct Wishes {
    paused: bool,
    /// Calls of [`Link::sync_now`].
    asked: u64,
}

impl Replica {
    /// Keeps in sync with a peer: begins at once, stays live, and connects again with back-off
    /// whatever ended the session. Works until the link is dropped or ended, or the replica is
    /// closed; [`Link::status`] tells what is wrong meanwhile, since when, and what to do.
    ///
    /// # Errors
    /// When the address is malformed, [`ErrorKind::Busy`] while another sync with it is under way,
    /// or [`ErrorKind::Closed`].
    pub fn connect(&self, peer: impl IntoTransport) -> Result<Link, Error> {
        self.connect_with(peer, LinkOptions::new())
    }

    /// Keeps in sync with a peer in one direction, now and then, or on demand.
    ///
    /// ```
    /// use std::time::Duration;
    /// use synckit::replica::{Link, LinkOptions, Rhythm};
    ///
    /// # fn connect(replica: synckit::Replica) -> Result<Link, synckit::Error> {
    /// let hourly = LinkOptions::new().rhythm(Rhythm::Every(Duration::from_secs(3_600)));
    /// let link = replica.connect_with("https://hub.example:7700", hourly)?;
    /// # Ok(link)
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Replica::connect`].
    pub fn connect_with(
        &self,
        peer: impl IntoTransport,
        options: LinkOptions,
    ) -> Result<Link, Error> {
        self.check_open("sync")?;
        let transport = peer.into_transport()?;
        let active = self.peers.enter(transport.address())?;
        let stop = Arc::clone(&active.stop);
        let (updates, status) =
            watch::channel(LinkStatus::begun(options.rhythm, self.running.clock.now()));
        let wishes = watch::Sender::new(Wishes::default());
        let upkeep =
            Upkeep::new(self.clone(), transport, active, options, wishes.subscribe(), updates);
        let task = platform::spawn(upkeep.run());
        Ok(Link { status, wishes, stop, task })
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

    /// Waits until the status is another one than this method, or [`wait_for`](Link::wait_for), returned
    /// last; `None` when the link has ended and that was shown. A status that is replaced before
    /// anybody looks is passed over. Cancellation-safe.
    pub async fn changed(&mut self) -> Option<LinkStatus> {
        self.status.changed().await.ok()?;
        Some(self.status.borrow_and_update().clone())
    }

    /// Syncs now: cuts a pause short, and asks a link on demand for its next sync. Call it when a
    /// person asks, or when the system says that a network is there again.
    ///
    /// Waits until the attempt has ended and returns the status then: a sync that succeeded has left
    /// no [`trouble`](LinkStatus::trouble). When this is cancelled, the sync goes on. Of a link that
    /// is live this returns at once; of a paused one when it has been resumed.
    pub async fn sync_now(&self) -> LinkStatus {
        let mut asked = 0;
        self.wishes.send_modify(|wishes| {
            wishes.asked += 1;
            asked = wishes.asked;
        });
        let mut status = self.status.clone();
        // An error says that the link has ended: the last status tells how.
        let _ = status.wait_for(|status| status.answered >= asked).await;
        self.status()
    }

    /// Disconnects once what was received is committed, and stays so until [`resume`](Link::resume).
    pub fn pause(&self) {
        self.wishes.send_modify(|wishes| wishes.paused = true);
    }

    /// Ends a pause: connects at once, or when asked if it syncs on demand.
    pub fn resume(&self) {
        self.wishes.send_modify(|wishes| wishes.paused = false);
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
    fn begun(rhythm: Rhythm, in_sync_at: UnixMillis) -> Self {
        let state = match rhythm {
            Rhythm::OnDemand => LinkState::Idle { pause: None },
            Rhythm::Live | Rhythm::Every(_) => LinkState::Connecting,
        };
        Self {
            state,
            progress: Progress::default(),
            pace: None,
            sessions: 0,
            last: None,
            in_sync_at,
            trouble: None,
            answered: 0,
        }
    }
}
