//! Pauses between attempts to reach a peer.
//!
//! Exponential back-off with equal jitter (Brooker, "Exponential Backoff And Jitter", 2015): half of
//! each pause is fixed and half is random, so that many replicas that lost the same hub do not come
//! back all at once. Pure: the random number is an argument.

use std::time::Duration;

/// Grows with every failure in a row.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Default for Backoff {
    /// From a quarter of a second to half a minute.
    fn default() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(30))
    }
}

impl Backoff {
    /// Waits at most `first` after one failure, twice that after two, and never more than
    /// `longest`.
    ///
    /// Bounds under a millisecond are raised to one, so that no failure leads to a busy loop.
    pub fn new(first: Duration, longest: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        Self { first, longest: longest.max(first), failures: 0 }
    }

    /// The failures in a row so far.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Starts again: the next failure counts as the first.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure and gives the pause before the next attempt: half of the bound that holds
    /// for this failure, and up to as much again by `random`.
    pub fn failed(&mut self, random: u64) -> Duration {
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        let bound = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = bound / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(random % nanos.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_the_bound_and_starts_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<_> = (0..6).map(|_| backoff.failed(0)).collect();
        let millis = [50, 100, 200, 400, 500, 500].map(Duration::from_millis);
        assert_eq!(waits, millis);
        assert_eq!(backoff.failures(), 6);
        backoff.succeeded();
        assert_eq!(backoff.failed(0), Duration::from_millis(50));
    }

    #[test]
    fn no_random_number_makes_it_wait_longer_than_the_bound_or_not_at_all() {
        for random in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let mut backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
            for _ in 0..100 {
                let wait = backoff.failed(random);
                assert!(wait > Duration::ZERO && wait <= Duration::from_millis(1));
            }
        }
    }
}
