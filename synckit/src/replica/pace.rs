//! The pace of a catch-up, how long it will take, and whoever is told of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::platform::Stopwatch;
use crate::sync::Progress;

/// The pace is that of the last so many seconds.
const LOOK_BACK: Duration = Duration::from_secs(10);
/// Time between the moments that are remembered.
const STEP: Duration = Duration::from_millis(500);
/// No pace is told sooner after the beginning.
const SETTLE: Duration = Duration::from_millis(200);

/// The pace of a catch-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Pace {
    /// Events a second, both directions together, of late (in the last ten seconds): sent and
    /// acknowledged, received, or passed over.
    pub events_per_second: u64,
    /// Time that what is left takes at this pace; `None` while nothing moves.
    pub left: Option<Duration>,
}

type Telling = dyn Fn(&Progress, Option<Pace>) + Send + Sync;

/// A function that is told how far a sync has come.
#[derive(Clone)]
pub(crate) struct ProgressListener(Arc<Telling>);

impl ProgressListener {
    pub(super) fn new(tell: impl Fn(&Progress, Option<Pace>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for ProgressListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressListener")
    }
}

/// Waits for the end of a session, and tells meanwhile how far it has come; at its end once more.
pub(crate) async fn telling<T>(
    listener: Option<&ProgressListener>,
    mut steps: watch::Receiver<Progress>,
    session: impl Future<Output = T>,
) -> T {
    let Some(ProgressListener(tell)) = listener else { return session.await };
    let (mut meter, begun) = (Meter::default(), Stopwatch::start());
    let mut session = std::pin::pin!(session);
    loop {
        tokio::select! {
            biased;
            ended = &mut session => {
                tell(&steps.borrow(), None);
                return ended;
            }
            Ok(()) = steps.changed() => {
                let progress = *steps.borrow_and_update();
                tell(&progress, meter.note(begun.elapsed(), &progress));
            }
        }
    }
}

/// Measures the pace of one session.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Moments of late, with the events that were to be moved then, as a negative count of what was
    /// moved: both logs may grow meanwhile.
    moments: VecDeque<(Duration, u64)>,
    left: u64,
    moved: u64,
}

impl Meter {
    /// Notes the progress at a moment; the pace, once there is one.
    pub(super) fn note(&mut self, at: Duration, progress: &Progress) -> Option<Pace> {
        let left = progress.to_send.saturating_add(progress.to_receive);
        // What is added to a log meanwhile makes this too small, never wrong by more than that.
        self.moved += self.left.saturating_sub(left);
        self.left = left;
        let aged = |(then, _): &(Duration, u64)| at.saturating_sub(*then) > LOOK_BACK;
        while self.moments.len() > 1 && self.moments.front().is_some_and(aged) {
            self.moments.pop_front();
        }
        if self.moments.back().is_none_or(|(then, _)| at.saturating_sub(*then) >= STEP) {
            self.moments.push_back((at, self.moved));
        }
        let (then, before) = *self.moments.front()?;
        let took = at.saturating_sub(then);
        if took < SETTLE {
            return None;
        }
        let moved = u128::from(self.moved.saturating_sub(before));
        let per_second = moved.saturating_mul(1_000) / took.as_millis().max(1);
        let events_per_second = u64::try_from(per_second).unwrap_or(u64::MAX);
        let left = left.saturating_mul(1_000).checked_div(events_per_second);
        Some(Pace { events_per_second, left: left.map(Duration::from_millis) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paces(of: &[(u64, u64)]) -> Vec<Option<(u64, Option<u64>)>> {
        let mut meter = Meter::default();
        let pace = |(millis, to_receive): &(u64, u64)| {
            let progress = Progress { to_receive: *to_receive, ..Progress::default() };
            let pace = meter.note(Duration::from_millis(*millis), &progress)?;
            let left = pace.left.map(|left| u64::try_from(left.as_millis()).unwrap());
            Some((pace.events_per_second, left))
        };
        of.iter().map(pace).collect()
    }

    #[test]
    fn a_steady_catch_up_tells_its_pace_and_the_time_that_is_left() {
        let told = paces(&[(0, 1_000), (100, 990), (1_000, 900), (2_000, 800), (10_000, 0)]);
        let steady = |left| Some((100, Some(left)));
        assert_eq!(told, [None, None, steady(9_000), steady(8_000), steady(0)]);
    }

    #[test]
    fn the_pace_is_that_of_late_and_stands_still_with_the_connection() {
        let mut moments: Vec<_> =
            (0..20).map(|second| (second * 1_000, 10_000 - second * 10)).collect();
        moments.extend((20..40).map(|second| (second * 1_000, 9_810)));
        let told = paces(&moments);
        assert_eq!(told[19], Some((10, Some(981_000))));
        assert_eq!(told[39], Some((0, None)));
    }

    #[test]
    fn a_log_that_grows_meanwhile_is_no_move_backwards() {
        assert_eq!(paces(&[(0, 10), (1_000, 500)])[1], Some((0, None)));
    }
}
