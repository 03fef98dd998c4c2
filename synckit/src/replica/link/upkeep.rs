//! The task behind a link: syncs when that is due, and waits in between.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{LinkState, LinkStatus, Wishes};
use crate::clock::UnixMillis;
use crate::driver::stopped;
use crate::error::Error;
use crate::platform::{self, Stopwatch};
use crate::replica::Replica;
use crate::replica::options::{LinkOptions, Rhythm};
use crate::replica::pace::{Meter, Pace};
use crate::replica::peers::ActiveSync;
use crate::replica::sync::{SyncReport, SyncTrouble};
use crate::sync::{Backoff, Progress, Until};
use crate::transport::Transport;

/// The shortest interval between syncs.
const INTERVAL_LEAST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Upkeep {
    replica: Replica,
    transport: Arc<dyn Transport>,
    active: ActiveSync,
    options: LinkOptions,
    stopped: watch::Receiver<bool>,
    wishes: watch::Receiver<Wishes>,
    updates: watch::Sender<LinkStatus>,
    backoff: Backoff,
}

/// When the next sync begins, unless it is asked for before.
#[derive(Clone, Copy, Debug)]
enum Due {
    Now,
    After(Duration),
    WhenAsked,
}

impl Upkeep {
    pub(super) fn new(
        replica: Replica,
        transport: Arc<dyn Transport>,
        active: ActiveSync,
        options: LinkOptions,
        wishes: watch::Receiver<Wishes>,
        updates: watch::Sender<LinkStatus>,
    ) -> Self {
        let (stopped, backoff) = (active.stop.subscribe(), options.backoff.clone());
        Self { replica, transport, active, options, stopped, wishes, updates, backoff }
    }

    pub(super) async fn run(mut self) {
        let mut due = self.first_due();
        while self.waits_for(due).await {
            due = self.attempt().await;
        }
        self.update(|status| status.state = LinkState::Ended);
    }

    /// Changes the status, and tells whoever watches it if it is another one then.
    fn update(&self, change: impl FnOnce(&mut LinkStatus)) {
        self.updates.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            *status != before
        });
    }

    /// When the first sync is due, also after a pause.
    const fn first_due(&self) -> Due {
        match self.options.rhythm {
            Rhythm::OnDemand => Due::WhenAsked,
            Rhythm::Live | Rhythm::Every(_) => Due::Now,
        }
    }

    fn is_stopped(&self) -> bool {
        *self.active.stop.borrow()
    }

    /// Waits until a sync is to begin; false when none follows.
    async fn waits_for(&mut self, mut due: Due) -> bool {
        let waiting = Stopwatch::start();
        loop {
            if self.is_stopped() {
                return false;
            }
            let wishes = *self.wishes.borrow_and_update();
            if wishes.paused {
                self.update(|status| status.state = LinkState::Paused);
                due = self.first_due();
            } else if wishes.asked > self.updates.borrow().answered {
                return true;
            }
            let left = match due {
                _ if wishes.paused => None,
                Due::Now => return true,
                Due::After(pause) => match pause.checked_sub(waiting.elapsed()) {
                    None | Some(Duration::ZERO) => return true,
                    left => left,
                },
                Due::WhenAsked => {
                    let idle = LinkState::Idle { pause: None };
                    self.update(|status| status.state = idle);
                    None
                }
            };
            tokio::select! {
                biased;
                () = rest(left) => {}
                () = stopped(&mut self.stopped) => {}
                Ok(()) = self.wishes.changed() => {}
            }
        }
    }

    /// Syncs, and tells how that went; when the next sync is due.
    async fn attempt(&mut self) -> Due {
        let asked = self.wishes.borrow().asked;
        self.update(|status| {
            status.state = LinkState::Connecting;
            status.sessions += 1;
        });
        let outcome = self.session().await;
        if self.is_stopped() || self.wishes.borrow().paused {
            return Due::Now;
        }
        let at = self.replica.running.clock.now();
        let due = match outcome {
            Ok(report) if self.until() == Until::CaughtUp => self.succeeded(report, at),
            // A peer that ends a live session in good order is tried again like one that was lost.
            ended => self.failed(ended.err(), at),
        };
        self.update(|status| status.answered = asked.max(status.answered));
        due
    }

    fn succeeded(&mut self, report: SyncReport, at: UnixMillis) -> Due {
        self.backoff.succeeded();
        let pause = match self.options.rhythm {
            Rhythm::Every(interval) => Some(interval.max(INTERVAL_LEAST)),
            Rhythm::Live | Rhythm::OnDemand => None,
        };
        self.update(|status| {
            status.state = LinkState::Idle { pause };
            (status.last, status.in_sync_at) = (Some(report), at);
            (status.trouble, status.pace) = (None, None);
        });
        pause.map_or(Due::WhenAsked, Due::After)
    }

    fn failed(&mut self, error: Option<Error>, at: UnixMillis) -> Due {
        let asked = error.as_ref().and_then(Error::retry_after);
        let pause = self.backoff.failed(random());
        // Spread, so that those who were told the same do not come back together.
        let pause = asked.map_or(pause, |asked| pause.max(asked) + pause / 2);
        let (state, due) = match self.options.rhythm {
            Rhythm::OnDemand => (LinkState::Idle { pause: None }, Due::WhenAsked),
            Rhythm::Live => (self.waiting(pause), Due::After(pause)),
            Rhythm::Every(interval) => {
                let pause = pause.min(interval.max(INTERVAL_LEAST)).max(asked.unwrap_or_default());
                (self.waiting(pause), Due::After(pause))
            }
        };
        self.update(|status| {
            if status.state == LinkState::Live {
                status.in_sync_at = at;
            }
            (status.state, status.pace) = (state, None);
            status.trouble =
                error.map(|error| SyncTrouble::of(&error, at)).or(status.trouble.take());
        });
        due
    }

    const fn until(&self) -> Until {
        match self.options.rhythm {
            Rhythm::Live => Until::Stopped,
            Rhythm::Every(_) | Rhythm::OnDemand => Until::CaughtUp,
        }
    }

    const fn waiting(&self, pause: Duration) -> LinkState {
        LinkState::Waiting { failures: self.backoff.failures(), pause }
    }

    /// One session, which ends when the application pauses or ends the link.
    async fn session(&mut self) -> Result<SyncReport, Error> {
        let (begun, until) = (Stopwatch::start(), self.until());
        let (progress, stop) = (watch::Sender::new(Progress::default()), watch::Sender::new(false));
        let mut steps = progress.subscribe();
        let plan = (self.options.direction, until);
        let (replica, transport) = (self.replica.clone(), Arc::clone(&self.transport));
        let session = replica.session(transport.as_ref(), plan, progress, stop.subscribe());
        tokio::pin!(session);
        let (mut meter, mut last) = (Meter::default(), Progress::default());
        loop {
            tokio::select! {
                biased;
                ended = &mut session => return ended,
                () = stopped(&mut self.stopped), if !*stop.borrow() => {
                    stop.send_replace(true);
                }
                Ok(()) = self.wishes.changed() => {
                    let wishes = *self.wishes.borrow_and_update();
                    if wishes.paused {
                        stop.send_replace(true);
                    }
                    self.update(|status| {
                        if status.state == LinkState::Live {
                            status.answered = wishes.asked;
                        }
                    });
                }
                Ok(()) = steps.changed() => {
                    let progress = *steps.borrow_and_update();
                    let pace = meter.note(begun.elapsed(), &progress);
                    if got_on(&last, &progress) {
                        // A way that is cut again and again is tried again at once, as long as it helps.
                        self.backoff.succeeded();
                    }
                    last = progress;
                    self.advance(progress, until, pace);
                }
            }
        }
    }

    /// Tells how far the session under way has come.
    fn advance(&mut self, progress: Progress, until: Until, pace: Option<Pace>) {
        let is_live = progress.caught_up && until == Until::Stopped;
        if is_live {
            self.backoff.succeeded();
        }
        let asked = self.wishes.borrow().asked;
        self.update(|status| {
            status.progress = progress;
            if is_live {
                (status.state, status.pace, status.trouble) = (LinkState::Live, None, None);
                status.answered = asked;
            } else {
                (status.state, status.pace) = (LinkState::CatchingUp, pace);
            }
        });
    }
}

/// Waits for so long; without end when there is no such time.
async fn rest(left: Option<Duration>) {
    match left {
        Some(left) => platform::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Random enough to keep replicas from waiting in step.
fn random() -> u64 {
    platform::random().map_or(0, u64::from_le_bytes)
}

/// True if a session has brought something that need not be brought again.
fn got_on(before: &Progress, now: &Progress) -> bool {
    let acknowledged = before.acknowledged.is_some() && before.acknowledged < now.acknowledged;
    acknowledged || before.events_received < now.events_received
}
