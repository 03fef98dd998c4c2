//! Settings of syncs and links.

use std::time::Duration;

use super::pace::{Pace, ProgressListener};
use crate::sync::{Backoff, Direction, Progress};

/// Settings of one sync: see [`Replica::sync_once_with`](super::Replica::sync_once_with).
#[derive(Clone, Debug, Default)]
pub struct SyncOptions {
    pub(crate) direction: Direction,
    pub(crate) within: Option<Duration>,
    pub(crate) listener: Option<ProgressListener>,
}

impl SyncOptions {
    /// Both directions, without a deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends only, receives only, or both, which is the default.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Ends the sync after so long, opening the connection included, with
    /// [`ErrorKind::DeadlinePassed`](crate::ErrorKind::DeadlinePassed). Without end by default:
    /// a sync goes on for as long as something arrives.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Calls a function with the progress whenever something moves, and once at the end: for a bar that shows
    /// how much is left, and for how long. It is called between the steps of the sync, so it must not wait.
    /// There is no pace during the first fifth of a second.
    ///
    /// ```
    /// use synckit::replica::SyncOptions;
    ///
    /// let shown = SyncOptions::new().on_progress(|progress, pace| {
    ///     let left = progress.to_send + progress.to_receive;
    ///     let seconds = pace.and_then(|pace| pace.left).map(|left| left.as_secs());
    ///     println!("{left} events left, {seconds:?} s");
    /// });
    /// ```
    #[must_use]
    pub fn on_progress(
        mut self,
        tell: impl Fn(&Progress, Option<Pace>) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(ProgressListener::new(tell));
        self
    }
}

/// When a link syncs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Rhythm {
    /// At once, and from then on for as long as the connection lasts: what happens on either side is
    /// exchanged as it happens.
    #[default]
    Live,
    /// At once, and so long after each sync again. In between nothing is connected: for links that
    /// are metered, and for batteries.
    Every(Duration),
    /// When [`Link::sync_now`](super::Link::sync_now) asks, once each time.
    OnDemand,
}

/// Settings of a link: see [`Replica::connect_with`](super::Replica::connect_with).
#[derive(Clone, Debug, Default)]
pub struct LinkOptions {
    pub(super) direction: Direction,
    pub(super) rhythm: Rhythm,
    pub(super) backoff: Backoff,
}

impl LinkOptions {
    /// Both directions, live, with pauses from a quarter of a second to half a minute after failures.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends only, receives only, or both, which is the default.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Says when it syncs; [`Rhythm::Live`] by default. An interval under a second is a second.
    #[must_use]
    pub const fn rhythm(mut self, rhythm: Rhythm) -> Self {
        self.rhythm = rhythm;
        self
    }

    /// Waits at most `first` after one failure, twice that after two, and never more than `longest`:
    /// half of each pause is random, so that the replicas that lost one hub do not come back all at
    /// once. A quarter of a second and half a minute by default. With [`Rhythm::Every`] no pause is
    /// longer than the interval, and with [`Rhythm::OnDemand`] there are none: it fails until asked
    /// again.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff::new(first, longest);
        self
    }
}
